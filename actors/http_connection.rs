//! One HTTP connection, of a client or of another node. The actor owns the task that serves it, so
//! that ending the actor ends the connection, and an ordered stop lets it finish what it accepted.

use std::sync::{Arc, Mutex, PoisonError};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Shutdown, serve_connection};
use tokio::sync::watch;

use crate::http_listener::{Accepted, AcceptedStream};
use crate::task::OwnedTask;

/// Messages of a connection.
#[derive(Debug)]
pub enum HttpConnectionMessage {
    /// The client went away, or all was said.
    Ended,
}

/// The accepted socket; taken by the one start that a connection has.
#[derive(Clone)]
pub struct HttpConnectionArguments(Arc<Mutex<Option<Accepted>>>);

impl HttpConnectionArguments {
    /// For a socket just accepted.
    pub fn new(accepted: Accepted) -> Self {
        Self(Arc::new(Mutex::new(Some(accepted))))
    }
}

/// The actor.
#[derive(Default)]
pub struct HttpConnectionActor;

/// The serving task and the sign that lets it come to an end.
pub struct HttpConnectionState {
    serving: Option<OwnedTask>,
    shutdown: watch::Sender<bool>,
}

impl Actor for HttpConnectionActor {
    type Msg = HttpConnectionMessage;
    type State = HttpConnectionState;
    type Arguments = HttpConnectionArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let accepted = arguments.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let accepted = accepted.ok_or("a connection is served once")?;
        let (shutdown, sign) = watch::channel(false);
        let serving = OwnedTask::spawn(async move {
            let Accepted { stream, peer, node, permit, .. } = accepted;
            let (sign, address) = (Shutdown::new(sign), peer.address);
            let serving = match stream {
                AcceptedStream::Plain(stream) => {
                    serve_connection(Box::new(stream), node, peer, sign)
                }
                AcceptedStream::Tls(stream) => serve_connection(stream, node, peer, sign),
                AcceptedStream::Mesh(stream) => serve_connection(stream, node, peer, sign),
            };
            if let Err(error) = serving.await {
                tracing::debug!(%address, %error, "a connection broke");
            }
            drop(permit);
            let _ = myself.cast(HttpConnectionMessage::Ended);
        });
        Ok(HttpConnectionState { serving: Some(serving), shutdown })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HttpConnectionMessage::Ended => myself.stop(None),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let _ = state.shutdown.send(true);
        if let Some(serving) = state.serving.take() {
            serving.finished().await;
        }
        Ok(())
    }
}
