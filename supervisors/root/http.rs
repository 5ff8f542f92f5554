//! HTTP: a crash of the listener drops no connection, hence one_for_one.

mod connections;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::http_listener::{HttpListenerActor, HttpListenerArguments};
use refuge_actors::names;
use refuge_otp::{ChildSpecification, Restart, Shutdown, SupervisorSpecification, supervisor};
use tokio::sync::Semaphore;

use crate::Parts;

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("http")
        .child(supervisor(connections::specification()).because("one actor a connection"))
        .child(listener(parts).because("opened last, closed first"))
}

fn listener(parts: &Parts) -> ChildSpecification {
    let socket = parts.http_socket.clone();
    let connections = Arc::new(Semaphore::new(parts.settings.http.max_connections));
    let start = move |context: refuge_otp::StartContext| {
        let bound = socket.bind();
        let connections = Arc::clone(&connections);
        let start = async move {
            let socket = bound.map_err(|error| context.failed(error))?;
            let arguments = HttpListenerArguments {
                names: context.names().clone(),
                socket,
                child: Arc::new(connections::child),
                connections,
            };
            context.spawn(HttpListenerActor, arguments).await
        };
        Box::pin(start) as _
    };
    let mut child = ChildSpecification::new(names::HTTP_LISTENER, Arc::new(start))
        .shutdown(Shutdown::Timeout(Duration::from_millis(200)));
    child.restart = Restart::Permanent;
    child
}
