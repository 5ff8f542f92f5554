//! A node at home, behind a router that maps ports (miniupnpd), and one out on the Internet.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use refuge_tests::{Certificate, Options, Visitor, eventually};
use serde_json::Value;

use crate::network::{Machine, entered, run, stand_at_the_switch};

/// The chains that the router's program fills.
const RULES: &str = "
    table inet router {
        chain forwarded { }
        chain coming { }
        chain going { }
        chain forward { type filter hook forward priority 0; policy drop; ct state established accept; jump forwarded; }
        chain prerouting { type nat hook prerouting priority -100; jump coming; }
        chain postrouting { type nat hook postrouting priority 100; jump going; }
    }";

/// Its other side is the interface that the machine number 2 is wired to.
const SETTINGS: &str = "
ext_ifname=mesh2
listening_ip=switch0
port=0
enable_upnp=yes
enable_natpmp=no
secure_mode=yes
uuid=5d2f83a6-7a15-4f0d-9d3f-0a4b6f1f2c11
upnp_table_name=router
upnp_nat_table_name=router
upnp_forward_chain=forwarded
upnp_nat_chain=coming
upnp_nat_postrouting_chain=going
allow 1024-65535 10.98.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
";

/// The router; it ends with the test.
struct Router {
    process: Child,
    _folder: tempfile::TempDir,
}

impl Router {
    /// Stands between the switch and the machine number 2, whose network is the Internet.
    fn start(outside: &Machine) -> Self {
        stand_at_the_switch();
        outside.pull_out();
        let line = outside.interface("mesh");
        run("ip", &["addr", "add", "11.0.0.1/24", "dev", &line]);
        outside.inside(&["ip", "addr", "flush", "dev", "mesh0"]);
        outside.inside(&["ip", "addr", "add", "11.0.0.2/24", "dev", "mesh0"]);
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("a router");
        run("nft", &[RULES]);
        let folder = tempfile::tempdir().expect("a folder");
        let (settings, process) = (folder.path().join("settings"), folder.path().join("process"));
        std::fs::write(&settings, SETTINGS).expect("written");
        let mut process = Command::new("miniupnpd")
            .args(["-d", "-f"])
            .arg(&settings)
            .arg("-P")
            .arg(&process)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("miniupnpd: {error}: run release/system-packages test"));
        let mut lines = BufReader::new(process.stderr.take().expect("piped")).lines();
        let ready =
            lines.by_ref().map_while(Result::ok).any(|line| line.contains("HTTP listening"));
        assert!(ready, "miniupnpd ended");
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, _folder: folder }
    }

    /// What is mapped, as its rules say.
    fn mapped() -> String {
        let told = Command::new("nft").args(["list", "chain", "inet", "router", "coming"]).output();
        String::from_utf8(told.expect("nft").stdout).expect("text")
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn is_mapped() {
    eventually("the port is mapped", || async {
        Router::mapped().contains("10.98.0.1:6984").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_at_home_is_reached_from_outside_through_a_mapped_port() {
    if !entered("router::a_node_at_home_is_reached_from_outside_through_a_mapped_port") {
        return;
    }
    let home = Options::default().set("mesh.upnp_lease_seconds=20");
    let (home, outside) = (Machine::start(1, home), Machine::start(2, Options::default()));
    let _router = Router::start(&outside);
    home.inside(&["ip", "route", "add", "default", "via", "10.98.0.254"]);
    // It has looked for none so far.
    home.node.read_settings("[mesh]\nupnp = true\n").await;
    is_mapped().await;

    // Whoever is invited hears of the outer address first, and comes in by it.
    let told = home.node.refuge(&["invite", "--name", "two", "--json"]);
    let invitation: Value = serde_json::from_str(&told.output).expect("JSON");
    let invitation = invitation["invitation"].as_str().expect("a text");
    assert!(invitation.contains("@11.0.0.1:6984,"), "{invitation}");
    let told = outside.node.refuge(&["pair", invitation, "--name", "one"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    outside.node.sees("one", true).await;
    home.node.sees("two", true).await;
    let why = home.node.refuge(&["peer", "why", "two"]).output;
    assert!(why.contains("we, outside    11.0.0.1:6984"), "{why}");

    // Longer than the lease, of which nothing tells that it was renewed but that the port is still there.
    let begun = Instant::now();
    let events = home.node.client().get("/_mesh/events").await.expect(200).json();
    let quiet = format!("/_mesh/events?feed=longpoll&since={}&timeout=1000", events["last_seq"]);
    while begun.elapsed() < Duration::from_secs(25) {
        home.node.client().get(&quiet).await.expect(200);
        assert!(Router::mapped().contains("10.98.0.1:6984"), "after {:?}", begun.elapsed());
    }

    // It crashes alone, and is given back when the node stops in order.
    home.node.console().kill("port-mapping").await.expect("killed");
    let restarted = eventually("the actor is started again", || async {
        let tree = home.node.console().tree().await.expect("a tree");
        let restarted = tree.walk().filter(|actor| actor.restarts > 0).count();
        (restarted > 0).then_some(restarted)
    });
    assert_eq!(restarted.await, 1, "one actor was started again, alone");
    eventually("it is mapped anew", || async {
        let why = home.node.client().get("/_mesh/diagnose/two").await.expect(200).json();
        (why["outer_address"] == "11.0.0.1:6984").then_some(())
    })
    .await;
    is_mapped().await;

    // Nor is it mapped where that is wanted no more.
    home.node.read_settings("").await;
    eventually("the port is given back", || async {
        (!Router::mapped().contains("10.98.0.1")).then_some(())
    })
    .await;
    let why = home.node.client().get("/_mesh/diagnose/two").await.expect(200).json();
    assert_eq!(why["outer_address"], Value::Null);
    home.node.read_settings("[mesh]\nupnp = true\n").await;
    is_mapped().await;
    let stopped = home.node.refuge(&["stop"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.errors);
    assert!(!Router::mapped().contains("10.98.0.1"), "{}", Router::mapped());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_hears_of_the_outer_address_when_the_router_maps_one() {
    if !entered("router::a_hub_hears_of_the_outer_address_when_the_router_maps_one") {
        return;
    }
    let hub = Options::default().set("hub.enabled=true").set("hub.public=true");
    let outside = Machine::start(2, hub);
    let named = format!("hub.hubs=refuge:{}@11.0.0.2:6984", outside.node.id().await);
    let home =
        Options::default().set("mesh.upnp=true").set("mesh.upnp_lease_seconds=20").set(&named);
    let home = Machine::start(1, home);
    let _router = Router::start(&outside);
    run("nft", &["add rule inet router forward iifname switch0 accept"]);
    run("nft", &["add rule inet router postrouting oifname mesh2 masquerade"]);
    home.inside(&["ip", "route", "add", "default", "via", "10.98.0.254"]);

    let (stranger, id) = (Certificate::rsa(2048), home.node.id().await);
    let at_hub = std::net::SocketAddr::from(([10, 99, 2, 2], 6984));
    let (visitor, path) = (Visitor::with(at_hub, &stranger), format!("/_mesh/hub/nodes/{id}"));
    let told = || async {
        let told = visitor.get(&path).await;
        let payload = (told.status == 200).then(|| told.json()["payload"].clone())?;
        let payload = BASE64.decode(payload.as_str()?.as_bytes()).expect("base64");
        let claims: Value = serde_json::from_slice(&payload).expect("JSON");
        Some(claims["addresses"].clone())
    };
    eventually("the hub knows the node", told).await;
    // It may have looked for a router when there was none, and would look again in a while.
    home.node.console().kill("port-mapping").await.expect("killed");
    is_mapped().await;
    let addresses = eventually("the hub knows the outer address", || async {
        told().await.filter(|addresses| addresses[0] == "11.0.0.1:6984")
    })
    .await;
    let behind = addresses.as_array().and_then(|all| all.get(1..)).expect("addresses");
    assert!(
        behind.iter().any(|one| one == "10.98.0.1:6984"),
        "that at home is behind it: {addresses}"
    );
}
