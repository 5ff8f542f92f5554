//! `hooks`: the last runs of event hooks.

use crate::control::Control;
use crate::protocol::Reply;

pub(crate) const NAME: &str = "hooks";
pub(crate) const USAGE: &str = "hooks";

/// Answers with the runs, the newest last.
pub(crate) async fn run(control: &dyn Control) -> Reply {
    control.hooks().await.into()
}
