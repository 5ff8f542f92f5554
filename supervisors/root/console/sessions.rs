//! Sessions of the console, each temporary: whoever was cut off connects again.

use std::sync::{Arc, Mutex};

use refuge_actors::console_session::{ConsoleSessionActor, ConsoleSessionArguments, Host};
use refuge_actors::names;
use refuge_otp::{
    ChildSpecification, Names, Outline, Restart, Shutdown, SupervisorSpecification, worker,
};
use tokio::net::UnixStream;

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::CONSOLE_SESSIONS).holds(Outline::worker(
        "console-session/<number>",
        Restart::Temporary,
        Shutdown::Kill,
    ))
}

pub(super) fn child(
    names: Names,
    host: Host,
) -> impl Fn(UnixStream) -> ChildSpecification + Send + Sync {
    move |stream| {
        let stream = Arc::new(Mutex::new(Some(stream)));
        let arguments =
            ConsoleSessionArguments { names: names.clone(), host: host.clone(), stream };
        worker::<ConsoleSessionActor>(
            names::console_session(),
            Restart::Temporary,
            Shutdown::Kill,
            move |_| arguments.clone(),
        )
    }
}
