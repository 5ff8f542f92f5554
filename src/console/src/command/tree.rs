//! `tree`: the live supervision tree.

use crate::control::Control;
use crate::protocol::Reply;

pub(crate) const NAME: &str = "tree";
pub(crate) const USAGE: &str = "tree";

/// Answers with the tree, the root outermost.
pub(crate) async fn run(control: &dyn Control) -> Reply {
    control.tree().await.into()
}
