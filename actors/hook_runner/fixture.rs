//! Nodes, events and hooks to test with.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use refuge_mesh::{NodeEvent, NodeEventKind, NodeId};
use tokio::sync::oneshot;

use super::event::HookEvent;

/// Tells nodes apart by a number.
pub(crate) fn node(number: u64) -> NodeId {
    NodeId::from_digest(std::array::from_fn(|place| number as u8 ^ place as u8))
}

/// A `nodeup` of a node.
pub(crate) fn event(number: u64, of: u64) -> Arc<NodeEvent> {
    Arc::new(NodeEvent {
        number,
        kind: NodeEventKind::NodeUp,
        time_ms: 1_700_000_000_000 + number,
        node: node(of),
        name: format!("node {of}"),
        address: Some("192.0.2.1:6984".to_owned()),
        source: None,
        reason: None,
    })
}

/// The same as hooks hear of it.
pub(crate) fn hook_event(number: u64, of: u64) -> Arc<HookEvent> {
    Arc::new(HookEvent::from(&*event(number, of)))
}

/// Puts an executable shell script into a folder.
pub(crate) fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    // By another process: a file that this one has open for writing could not be executed while a child that
    // another test starts at that moment has inherited it.
    let script = format!("#!/bin/sh\n{text}\n");
    let writing = ["-c", "printf %s \"$1\" > \"$0\""];
    let written = Command::new("sh").args(writing).arg(&path).arg(script).status().unwrap();
    assert!(written.success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A pipe in the file system that a test reads: a script that writes into it lives, and when the last
/// process that holds it open is gone, the test sees its end.
pub(crate) struct SignOfLife {
    /// The script wrote a byte.
    pub(crate) begun: oneshot::Receiver<()>,
    /// Nobody holds it open any more.
    pub(crate) over: oneshot::Receiver<()>,
}

impl SignOfLife {
    /// In the file `alive` of a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        let path = folder.join("alive");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
        let ((begun_sender, begun), (over_sender, over)) = (oneshot::channel(), oneshot::channel());
        std::thread::spawn(move || {
            let mut pipe = fs::File::open(path).unwrap();
            pipe.read_exact(&mut [0]).unwrap();
            let _ = begun_sender.send(());
            pipe.read_to_end(&mut Vec::new()).unwrap();
            let _ = over_sender.send(());
        });
        Self { begun, over }
    }
}
