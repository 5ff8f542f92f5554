//! `identity`: who this node is.

use crate::control::Control;
use crate::protocol::Reply;

pub(crate) const NAME: &str = "identity";
pub(crate) const USAGE: &str = "identity [rotate]";

/// Answers with id, name and certificate.
pub(crate) async fn run(control: &dyn Control) -> Reply {
    control.identity().await.into()
}
