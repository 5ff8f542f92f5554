//! A prompt that speaks to a running node.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use refuge_console::{Ask, prompt};

use super::console::Session;
use crate::exit::Failure;

/// Asks for lines until there is enough.
pub(super) fn attach(root: &Path) -> Result<(), Failure> {
    let session = Rc::new(Session::open(root)?);
    let identity = session.request(&super::console::command("status"))?;
    let address = identity.get("address").and_then(serde_json::Value::as_str);
    let name = format!("refuge@{}", address.unwrap_or("node"));
    let node: Rc<dyn Ask> = session;
    Ok(prompt(&name, node, history())?)
}

/// Where typed lines are kept: with what other programs keep of the user, never under the node's root.
fn history() -> Option<PathBuf> {
    let folder = match std::env::var_os("XDG_STATE_HOME").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".local/state"),
    };
    Some(folder.join("refuge/console-history"))
}
