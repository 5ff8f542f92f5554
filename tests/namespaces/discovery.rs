//! Two machines of one network whose owners know each other's ids and no address: the service of the system
//! announces their nodes, or each node itself, or one of each kind.

use std::time::Instant;

use mdns_sd::{ServiceDaemon, ServiceInfo};
use refuge_tests::{Certificate, Events, Node, Options, Peering, eventually};
use serde_json::Value;

use crate::network::{Machine, entered, stand_at_the_switch};

/// No service of the machine that the test runs on is reached, as if none were installed.
const NO_SERVICE: &str = "mount -t tmpfs none /run";

/// Not even the library is there through which a service is asked.
const NO_LIBRARY: &str = "
    found=$(PATH=$PATH:/sbin ldconfig -p | sed -n 's/.*libdns_sd.* => //p')
    test -n \"$found\" || { echo 'no libdns_sd: run release/system-packages test' >&2; exit 1; }
    for library in $found; do test ! -e \"$library\" || mount --bind /dev/null \"$library\"; done";

/// An Avahi of its own, with a D-Bus of its own. Both end with the node, which takes the shell's place.
const AVAHI: &str = r#"
    mount -t tmpfs none /run && mkdir /run/dbus /run/avahi-daemon && cd /run
    echo '<busconfig>
        <type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
        <auth>EXTERNAL</auth>
        <policy context="default">
            <allow user="*"/><allow own="*"/><allow send_type="method_call"/>
            <allow send_destination="*"/><allow receive_sender="*"/>
        </policy>
    </busconfig>' > bus
    printf '[server]\nhost-name=%s\nallow-interfaces=mesh0\n' "$1" > avahi
    setpriv --pdeathsig KILL dbus-daemon --nofork --config-file=/run/bus >&2 &
    until [ -S dbus/system_bus_socket ]; do kill -0 $! || exit 1; done
    setpriv --pdeathsig KILL avahi-daemon --no-drop-root --no-chroot --no-rlimits -f /run/avahi >&2 &
    until dbus-send --system --print-reply --dest=org.freedesktop.Avahi / \
        org.freedesktop.Avahi.Server.GetState >/dev/null 2>&1; do kill -0 $! || exit 1; done
    cd /"#;

/// A machine on which this was done before its node began.
fn machine(number: u8, before: &str) -> Machine {
    let mut options = Options::default().set("mesh.local_discovery=true");
    let script = format!("set -e; {before}; shift; exec \"$@\"");
    options.through =
        ["sh", "-c", &script, "sh", &format!("machine{number}")].map(Into::into).to_vec();
    Machine::start(number, options)
}

/// Their owners make them known to each other, and they find each other.
async fn find(one: &Node, two: &Node) -> Events {
    let begun = Instant::now();
    for (node, other, name) in [(one, two, "two"), (two, one, "one")] {
        node.trust(other, Peering { name, address: None, groups: &[] }).await;
    }
    one.sees("two", true).await;
    two.sees("one", true).await;
    println!("found and up after {:?}", begun.elapsed());
    let mut events = Events::after(&one.client(), 0).await;
    let found = events.next_of("discovered", "two").await;
    assert_eq!(found["source"], "local_network");
    events
}

/// Who announces a node, as a diagnosis tells.
async fn speaks(node: &Node, peer: &str, speaker: &str) {
    eventually("somebody speaks for the node", || async {
        let diagnosed =
            node.client().get(&format!("/_mesh/diagnose/{peer}")).await.expect(200).json();
        let local =
            diagnosed["sources"].as_array()?.iter().find(|one| one["source"] == "local_network")?;
        (local["speaker"] == speaker).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_of_one_network_find_each_other_without_an_address() {
    if !entered("discovery::peers_of_one_network_find_each_other_without_an_address") {
        return;
    }
    let (one, two) = (machine(1, NO_SERVICE), machine(2, NO_LIBRARY));
    let mut events = find(&one.node, &two.node).await;
    speaks(&one.node, "two", "node").await;
    speaks(&two.node, "one", "node").await;
    let told = one.node.refuge(&["peer", "why", "two"]).output;
    assert!(told.contains("source         local_network on, by the node"), "{told}");
    assert!(told.contains("tried          10.98.0.2:6984 reached [local_network]"), "{told}");
    // One that is there already when it becomes a peer is found then.
    one.node.peer(&["remove", "two"]).await;
    events.next_of("nodedown", "two").await;
    one.node.trust(&two.node, Peering { name: "two", address: None, groups: &[] }).await;
    events.next_of("discovered", "two").await;
    // The actor may crash alone, and finds the others again.
    one.node.console().kill("local-discovery").await.expect("killed");
    events.next_of("discovered", "two").await;
    let tree = one.node.console().tree().await.expect("a tree");
    let restarted: Vec<_> = tree.walk().filter(|actor| actor.restarts > 0).collect();
    assert_eq!(restarted.len(), 1, "one actor was started again, alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_announces_itself_in_another_version_is_told_of() {
    if !entered("discovery::a_peer_that_announces_itself_in_another_version_is_told_of") {
        return;
    }
    for (number, before) in [(1, NO_SERVICE), (2, AVAHI)] {
        let here = machine(number, before);
        let peer = Certificate::rsa(2048).node_id();
        here.node.peer(&["add", &peer, "--name", "later"]).await;
        if number == 1 {
            stand_at_the_switch();
        }
        let later = ServiceDaemon::new().expect("multicast DNS");
        let text = [("id", peer.as_str()), ("v", "2"), ("name", "later")];
        let service = ServiceInfo::new(
            "_refuge._tcp.local.",
            &peer,
            "later.local.",
            "10.98.0.254",
            6984,
            &text[..],
        );
        later.register(service.expect("a service")).expect("announced");
        let version = || async {
            let why = here.node.client().get("/_mesh/diagnose/later").await.expect(200).json();
            Some(why["foreign_version"].clone())
        };
        eventually("it is seen", || async { version().await.filter(|version| version == "2") })
            .await;
        let told = here.node.refuge(&["peer", "why", "later"]).output;
        assert!(told.contains("later was seen on the local network"), "{told}");
        assert!(told.contains("version 2"), "{told}");
        assert_eq!(here.node.known("later").await.expect("a peer")["up"], false);
        // It says goodbye.
        later.shutdown().expect("told");
        eventually("it is gone", || async { version().await.filter(Value::is_null) }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_of_the_system_speaks_where_there_is_one() {
    if !entered("discovery::the_service_of_the_system_speaks_where_there_is_one") {
        return;
    }
    let (one, two) = (machine(1, AVAHI), machine(2, AVAHI));
    let mut events = find(&one.node, &two.node).await;
    speaks(&one.node, "two", "system").await;
    speaks(&two.node, "one", "system").await;
    // Without it the node speaks for itself.
    one.inside(&["sh", "-c", "kill -KILL $(cat /run/avahi-daemon/pid)"]);
    events.next_of("discovered", "two").await;
    speaks(&one.node, "two", "node").await;
    // Nor is it asked any more where the settings say so, while the node runs.
    two.node.read_settings("[mesh]\nsystem_dns_sd = false\n").await;
    speaks(&two.node, "one", "node").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_and_a_node_that_speaks_for_itself_hear_each_other() {
    if !entered("discovery::a_service_and_a_node_that_speaks_for_itself_hear_each_other") {
        return;
    }
    let (one, two) = (machine(1, AVAHI), machine(2, NO_SERVICE));
    find(&one.node, &two.node).await;
    speaks(&one.node, "two", "system").await;
    speaks(&two.node, "one", "node").await;
    // The service says goodbye for a node that has stopped.
    let mut events = Events::after(&two.node.client(), 0).await;
    events.next_of("discovered", "one").await;
    let stopped = one.node.refuge(&["stop"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.errors);
    events.next_of("lost", "one").await;
}
