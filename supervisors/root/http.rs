//! HTTP, for clients and for other nodes: a crash of a listener drops no connection, hence one_for_one.

mod connections;
mod mesh_connections;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::http_listener::{HttpListenerActor, HttpListenerArguments, RequestBytes};
use refuge_actors::mesh_listener::{MeshListenerActor, MeshListenerArguments};
use refuge_actors::names;
use refuge_actors::tls_listener::{TlsListenerActor, TlsListenerArguments};
use refuge_otp::{
    ChildSpecification, Restart, Shutdown, SupervisorSpecification, supervisor, worker,
};
use tokio::sync::Semaphore;

use crate::Parts;

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    let request_bytes = RequestBytes::default();
    SupervisorSpecification::one_for_one("http")
        .child(supervisor(connections::specification()).because("one actor a connection"))
        .child(supervisor(mesh_connections::specification()).because("one actor a connection"))
        .child(mesh_listener(parts, &request_bytes).because("opened once a peer is known"))
        .child(tls_listener(parts, &request_bytes).because("shows the operator's certificate"))
        .child(listener(parts, &request_bytes).because("opened last, closed first"))
}

fn mesh_listener(parts: &Parts, request_bytes: &RequestBytes) -> ChildSpecification {
    let socket = parts.mesh_socket.clone();
    let most = parts.settings.mesh.max_connections;
    let connections = Arc::new(Semaphore::new(most));
    // However slowly strangers come and however long they stay, friends have as much room.
    let strangers = Arc::new(Semaphore::new((most / 2).max(1)));
    let request_bytes = request_bytes.clone();
    worker::<MeshListenerActor>(
        names::MESH_LISTENER,
        Restart::Permanent,
        Shutdown::Timeout(Duration::from_millis(200)),
        move |context| {
            let socket = socket.clone();
            MeshListenerArguments {
                names: context.names,
                bind: Arc::new(move || socket.bind()),
                child: Arc::new(mesh_connections::child),
                most_connections: most,
                connections: Arc::clone(&connections),
                strangers: Arc::clone(&strangers),
                request_bytes: request_bytes.clone(),
            }
        },
    )
}

fn tls_listener(parts: &Parts, request_bytes: &RequestBytes) -> ChildSpecification {
    let socket = parts.settings.ssl.enabled.then(|| parts.tls_socket.clone());
    let connections = Arc::new(Semaphore::new(parts.settings.http.max_connections));
    let request_bytes = request_bytes.clone();
    let restart = parts.host.restart.clone();
    let start = move |context: refuge_otp::StartContext| {
        let bound = socket.as_ref().map(crate::Socket::bind).transpose();
        let connections = Arc::clone(&connections);
        let request_bytes = request_bytes.clone();
        let restart = restart.clone();
        let start = async move {
            let arguments = TlsListenerArguments {
                names: context.names().clone(),
                socket: bound.map_err(|error| context.failed(error))?,
                child: Arc::new(connections::child),
                connections,
                request_bytes,
                restart,
            };
            context.spawn(TlsListenerActor, arguments).await
        };
        Box::pin(start) as _
    };
    ChildSpecification::new(names::TLS_LISTENER, Arc::new(start))
        .shutdown(Shutdown::Timeout(Duration::from_millis(200)))
}

fn listener(parts: &Parts, request_bytes: &RequestBytes) -> ChildSpecification {
    let socket = parts.http_socket.clone();
    let connections = Arc::new(Semaphore::new(parts.settings.http.max_connections));
    let request_bytes = request_bytes.clone();
    let restart = parts.host.restart.clone();
    let start = move |context: refuge_otp::StartContext| {
        let bound = socket.bind();
        let connections = Arc::clone(&connections);
        let request_bytes = request_bytes.clone();
        let restart = restart.clone();
        let start = async move {
            let socket = bound.map_err(|error| context.failed(error))?;
            let arguments = HttpListenerArguments {
                names: context.names().clone(),
                socket,
                child: Arc::new(connections::child),
                connections,
                request_bytes,
                restart,
            };
            context.spawn(HttpListenerActor, arguments).await
        };
        Box::pin(start) as _
    };
    let mut child = ChildSpecification::new(names::HTTP_LISTENER, Arc::new(start))
        .shutdown(Shutdown::Timeout(Duration::from_millis(500)));
    child.restart = Restart::Permanent;
    child
}
