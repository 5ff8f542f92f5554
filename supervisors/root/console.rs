//! The admin console on its local socket.

mod sessions;

use std::sync::Arc;
use std::time::Duration;

use refuge_actors::console_listener::{ConsoleListenerActor, ConsoleListenerArguments};
use refuge_actors::names;
use refuge_otp::{ChildSpecification, Shutdown, StartContext, SupervisorSpecification, supervisor};

use crate::Parts;

pub(super) fn specification(parts: &Parts) -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("console")
        .child(supervisor(sessions::specification()).because("one actor a session"))
        .child(listener(parts).because("a crash of it ends no session"))
}

fn listener(parts: &Parts) -> ChildSpecification {
    let (socket, host) = (parts.console_socket.clone(), parts.host.clone());
    let start = move |context: StartContext| {
        let bound = socket.bind();
        let host = host.clone();
        let start = async move {
            let socket = bound.map_err(|error| context.failed(error))?;
            let names = context.names().clone();
            let child = sessions::child(names.clone(), host);
            let arguments = ConsoleListenerArguments { names, socket, child: Arc::new(child) };
            context.spawn(ConsoleListenerActor, arguments).await
        };
        Box::pin(start) as _
    };
    ChildSpecification::new(names::CONSOLE_LISTENER, Arc::new(start))
        .shutdown(Shutdown::Timeout(Duration::from_millis(200)))
}
