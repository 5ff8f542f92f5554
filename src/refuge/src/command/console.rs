//! What the verbs that speak to a running node share: one command, one answer, one deadline.

use std::path::Path;
use std::time::Duration;

use refuge_console::{Connection, Request};
use serde_json::Value;

use crate::exit::Failure;

/// A node that takes longer is not well; whoever asks may ask again.
const DEADLINE: Duration = Duration::from_secs(10);

/// Options as the console takes them: each value behind its name.
pub(crate) fn options(given: &[(&str, &[String])]) -> Vec<String> {
    let pairs = given.iter().flat_map(|(name, values)| {
        values.iter().flat_map(move |value| [(*name).to_owned(), value.clone()])
    });
    pairs.collect()
}

/// Sends one command to the node under `root`.
pub(crate) fn ask(root: &Path, request: &Request) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    runtime.block_on(async {
        let exchange = async { Connection::open(root).await?.request(request).await };
        match tokio::time::timeout(DEADLINE, exchange).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(Failure::NoAnswer(DEADLINE)),
        }
    })
}
