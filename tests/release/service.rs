//! Under a service manager: what it is told, and what its unit says.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use refuge_tests::{Node, Options, PATIENCE, Release};
use rustix::process::Signal;

/// The manager's end of `NOTIFY_SOCKET`.
struct Manager {
    folder: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, socket }
    }

    fn options(&self) -> Options {
        let path = self.folder.path().join("notify");
        Options::default().environment("NOTIFY_SOCKET", path.to_str().unwrap())
    }

    fn hears(&self) -> String {
        let mut told = [0; 4096];
        let count = self.socket.recv(&mut told).expect("the node tells its state");
        String::from_utf8_lossy(&told[..count]).into_owned()
    }
}

#[test]
fn a_manager_hears_when_the_node_is_ready_reloads_and_stops() {
    let manager = Manager::new();
    let mut node = Node::start(manager.options());
    let told = manager.hears();
    assert!(told.lines().any(|line| line == "READY=1"), "{told}");
    assert!(told.contains(&format!("MAINPID={}", node.process_id())), "{told}");
    std::fs::write(node.root().join("etc/local.toml"), "[log]\nlevel = \"debug\"\n").unwrap();
    node.signal(Signal::HUP);
    let told = manager.hears();
    assert!(told.contains("RELOADING=1") && told.contains("MONOTONIC_USEC="), "{told}");
    assert!(manager.hears().contains("READY=1"));
    let told = node.refuge(&["eval", "config log level"]);
    assert!(told.output.contains("debug"), "{}{}", told.output, told.errors);
    node.terminate();
    assert!(manager.hears().contains("STOPPING=1"));
    assert!(node.ended().success());
}

#[test]
fn a_wrong_file_is_told_at_a_reload_and_changes_nothing() {
    let node = Node::start(Options::default());
    std::fs::write(node.root().join("etc/local.toml"), "[log]\nlvel = \"debug\"\n").unwrap();
    node.signal(Signal::HUP);
    let line = node.error_line("that the file is wrong", |line| {
        line.contains("SIGHUP").then(|| line.to_owned())
    });
    assert!(line.contains("log.level"), "{line}");
    let told = node.refuge(&["eval", "config log level"]);
    assert!(told.output.contains("info"), "{}", told.output);
}

/// systemd's own judgement; that a running systemd takes it is untried.
#[test]
fn the_units_are_right() {
    let release = Release::unpack();
    let folder = tempfile::tempdir().unwrap();
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    for (name, program) in [
        ("release/share/systemd/refuge.service", "/opt/refuge/bin/refuge"),
        ("release/debian/refuge.service", "/usr/bin/refuge"),
    ] {
        let unit = std::fs::read_to_string(format!("{top}/{name}")).unwrap();
        assert!(unit.contains(program), "{name}");
        let here = release.root().join("bin/refuge");
        let unit =
            unit.replace(program, here.to_str().unwrap()).replace("User=refuge", "User=daemon");
        let unit = unit.replace("Group=refuge\n", "");
        let path = folder.path().join("refuge.service");
        std::fs::write(&path, unit).unwrap();
        let told = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&path)
            .output()
            .expect("systemd-analyze");
        let said = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success() && !said.contains("refuge.service"), "{name}: {said}");
    }
}
