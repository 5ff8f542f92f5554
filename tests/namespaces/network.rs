//! Two machines and a switch between them, out of network namespaces, veth pairs and a bridge.
//!
//! ```text
//!   node 1 ── mesh0 ══ bridge ══ mesh0 ── node 2     10.98.0.1, 10.98.0.2
//!      └─ test0 ── this test ── test0 ─┘             10.99.1.2, 10.99.2.2
//! ```
//!
//! All of it lies in namespaces without names, which go when their last process goes. The test itself
//! runs in one: it starts itself again there.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use refuge_tests::{Node, Options};

/// Set for the test's second start.
const INSIDE: &str = "REFUGE_TESTS_OWN_NETWORK";

/// Port for other nodes: each node is alone on its machine.
const MESH_PORT: u16 = 6984;

/// Whether this is the second start. At the first one the test `name` is started again in a namespace of
/// its own, and must succeed there.
pub fn entered(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "dev", "lo", "up"]);
        run("ip", &["link", "add", "name", "switch0", "type", "bridge"]);
        run("ip", &["link", "set", "dev", "switch0", "up"]);
        return true;
    }
    assert!(
        rustix::process::geteuid().is_root(),
        "network namespaces are root's: run this test as root (sudo -E cargo test -p refuge-tests --test namespaces)"
    );
    let test = std::env::current_exe().expect("a test that is a file");
    let status = Command::new("unshare")
        .args(["--net", "--"])
        .arg(test)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "yes")
        .status()
        .expect("unshare, of util-linux");
    assert!(status.success(), "{name}, in a network of its own: {status}");
    false
}

/// Gives the test a place at the switch, for relays of its own between the machines.
pub fn stand_at_the_switch() -> IpAddr {
    run("ip", &["addr", "add", "10.98.0.254/24", "dev", "switch0"]);
    Ipv4Addr::new(10, 98, 0, 254).into()
}

/// A node on a machine of its own.
pub struct Machine {
    pub node: Node,
    number: u8,
}

impl Machine {
    /// Starts the node number 1 or 2 and connects it.
    pub fn start(number: u8, settings: Options) -> Self {
        let mut options = settings
            .set("http.bind=0.0.0.0")
            .set("mesh.enabled=true")
            .set("mesh.bind=0.0.0.0")
            .set(&format!("mesh.port={MESH_PORT}"));
        // What is found by itself would be one more event in stories of other things.
        if !options.settings.iter().any(|one| one.starts_with("mesh.local_discovery")) {
            options = options.set("mesh.local_discovery=false");
        }
        let unshared = ["unshare", "--net", "--mount", "--"].map(str::to_owned);
        options.through.splice(0..0, unshared);
        options.reached_at = Some(IpAddr::V4(Ipv4Addr::new(10, 99, number, 2)));
        // It has no interface yet; it listens on all that will come.
        let machine = Self { node: Node::start(options), number };
        machine.wire("test", &format!("10.99.{number}"), 2);
        let here = machine.interface("test");
        run("ip", &["addr", "add", &format!("10.99.{number}.1/24"), "dev", &here]);
        machine.wire("mesh", "10.98.0", number);
        machine.plug_in();
        machine
    }

    /// Where other nodes reach it.
    pub fn mesh_address(&self) -> std::net::SocketAddr {
        (Ipv4Addr::new(10, 98, 0, self.number), MESH_PORT).into()
    }

    /// Where its HTTP is reached by what is at the switch.
    pub fn http_address(&self) -> std::net::SocketAddr {
        (Ipv4Addr::new(10, 98, 0, self.number), self.node.address().port()).into()
    }

    /// Takes its cable out of the switch: what either side sends is lost, and nobody is told.
    pub fn pull_out(&self) {
        run("ip", &["link", "set", "dev", &self.interface("mesh"), "nomaster"]);
    }

    /// Puts it back.
    pub fn plug_in(&self) {
        run("ip", &["link", "set", "dev", &self.interface("mesh"), "master", "switch0"]);
    }

    /// Lets so many bits a second through in each direction, and no queue longer than half a second.
    pub fn limit(&self, rate: &str) {
        let shape = |dev| {
            [
                "tc", "qdisc", "replace", "dev", dev, "root", "tbf", "rate", rate, "burst", "16kb",
                "latency", "500ms",
            ]
        };
        let (program, arguments) = (self.interface("mesh"), shape("mesh0"));
        self.inside(&arguments);
        let here = shape(&program);
        run("tc", &here[1..]);
    }

    /// Loses so many of a hundred packets that come, at random.
    pub fn lose(&self, percent: u8) {
        let rules = format!(
            "add table inet loss; add chain inet loss came {{ type filter hook input priority 0; }}; \
             add rule inet loss came iifname mesh0 numgen random mod 100 < {percent} counter drop"
        );
        self.inside(&["nft", &rules]);
    }

    /// The end of a pair that stays with the test: `test` or `mesh`.
    pub fn interface(&self, kind: &str) -> String {
        format!("{kind}{}", self.number)
    }

    /// A veth pair: one end here, the other in the node's namespace with an address.
    fn wire(&self, kind: &str, network: &str, host: u8) {
        let (here, there) = (self.interface(kind), format!("{kind}0"));
        let process = self.node.process_id().to_string();
        run(
            "ip",
            &[
                "link", "add", "name", &here, "type", "veth", "peer", "name", &there, "netns",
                &process,
            ],
        );
        run("ip", &["link", "set", "dev", &here, "up"]);
        let address = format!("{network}.{host}/24");
        self.inside(&["ip", "addr", "add", &address, "dev", &there]);
        self.inside(&["ip", "link", "set", "dev", &there, "up"]);
    }

    /// Runs a command on its machine, with what is mounted there.
    pub fn inside(&self, command: &[&str]) {
        let process = self.node.process_id().to_string();
        run("nsenter", &[&["--target", &process, "--net", "--mount", "--"], command].concat());
    }
}

/// Runs a command to its end, which must be a good one.
pub fn run(program: &str, arguments: &[&str]) {
    let told = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let told =
        told.unwrap_or_else(|error| panic!("{program}: {error}: run release/system-packages test"));
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{program} {arguments:?}: {errors}");
}
