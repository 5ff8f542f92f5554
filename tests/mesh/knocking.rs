//! Strangers who knock at a node's mesh port, as many and as fast as they can, or who come in and stay: what
//! they cost, and that friends notice nothing of them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use refuge_identity::tls::mesh::{ConnectOptions, MeshStream, MeshTls, Protocol};
use refuge_identity::{CreateOptions, NodeIdentity};
use refuge_tests::{
    Certificate, Events, Node, Options, PATIENCE, Peering, Visitor, befriend, eventually,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// So many unknown nodes knock, unless the machine takes too long for that.
const KNOCKS: u32 = 10_000;
/// Nobody begins to knock later than this.
const KNOCKING: Duration = Duration::from_secs(10);
/// So many knock at the same time.
const AT_ONCE: usize = 64;
/// Handshakes of strangers that are let in a second, and at once.
const LET_IN: f64 = 50.0;

/// Nodes that another has never seen.
struct Strangers {
    /// Few keys for many strangers: nothing is kept of a stranger's key.
    keys: Vec<MeshTls>,
    target: SocketAddr,
    options: ConnectOptions,
}

impl Strangers {
    async fn of(node: &Node) -> Arc<Self> {
        let made = CreateOptions { bits: 2048, name: String::new() };
        let key = || NodeIdentity::generate(&made).expect("an identity").tls().clone();
        let expected = node.id().await.parse().expect("an id");
        let options = ConnectOptions { expected, protocol: Protocol::Http1 };
        let keys = (0..4).map(|_| key()).collect();
        Arc::new(Self { keys, target: node.mesh_address(), options })
    }

    /// One of them knocks, from an address of its own; none when it is not let in.
    async fn knock(&self, number: u32) -> Option<MeshStream<TcpStream>> {
        // All over 127.0.0.0/8, but not where nodes are.
        let address = Ipv4Addr::from_bits(0x7f01_0000 + number % KNOCKS * 1_500);
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from((address, 0))).expect("an address of the loopback interface");
        let shaking = async {
            let stream = socket.connect(self.target).await.ok()?;
            let key = &self.keys[number as usize % self.keys.len()];
            key.connect(stream, self.options).await.ok()
        };
        tokio::time::timeout(PATIENCE, shaking).await.expect("the node answers or closes")
    }

    /// One of them comes in and asks something; none when it is turned away.
    async fn come_in(&self, number: u32) -> Option<MeshStream<TcpStream>> {
        let mut stream = self.knock(number).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n").await.ok()?;
        let mut answer = [0; 12];
        let reading = tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer));
        reading.await.expect("an answer or an end").ok()?;
        assert_eq!(&answer, b"HTTP/1.1 200");
        Some(stream)
    }
}

/// Strangers who knock without a rest.
struct Flood {
    knocking: JoinSet<()>,
    begun: Instant,
    knocks: Arc<AtomicU32>,
    let_in: Arc<AtomicU32>,
}

/// What became of a flood.
struct Knocked {
    knocks: u32,
    let_in: u32,
    passed: Duration,
}

impl Flood {
    /// Begins; `most` of them knock.
    fn begin(strangers: &Arc<Strangers>, most: u32, knocking: Duration) -> Self {
        let mut flood = Self {
            knocking: JoinSet::new(),
            begun: Instant::now(),
            knocks: Arc::default(),
            let_in: Arc::default(),
        };
        for _ in 0..AT_ONCE {
            let (strangers, begun) = (Arc::clone(strangers), flood.begun);
            let (knocks, let_in) = (Arc::clone(&flood.knocks), Arc::clone(&flood.let_in));
            flood.knocking.spawn(async move {
                while begun.elapsed() < knocking {
                    let taken = |number: u32| (number < most).then_some(number + 1);
                    let number = knocks.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken);
                    let Ok(number) = number else { return };
                    if strangers.knock(number).await.is_some() {
                        let_in.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        flood
    }

    /// How many have knocked so far.
    fn knocks(&self) -> u32 {
        self.knocks.load(Ordering::SeqCst)
    }

    /// Waits until all have knocked.
    async fn ended(mut self) -> Knocked {
        while let Some(ended) = self.knocking.join_next().await {
            ended.expect("a stranger that does not panic");
        }
        let (knocks, let_in) = (self.knocks(), self.let_in.load(Ordering::SeqCst));
        Knocked { knocks, let_in, passed: self.begun.elapsed() }
    }
}

/// Processor time that a node's process has used so far; Linux tells it in hundredths of a second.
fn processor_time(node: &Node) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", node.process_id()));
    let stat = stat.expect("a process that runs");
    // Its name, in parentheses, may hold anything.
    let (_, words) = stat.rsplit_once(')').expect("a name");
    let ticks = words.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|word| word.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(10 * ticks)
}

/// Sends a message from one node to the one that it calls `two`, where it has to arrive.
async fn message_arrives(one: &Node, two: &Node) {
    let message = json!({"to": "two", "app": "knocking", "body": {"text": "still there"}});
    one.client().post("/_mesh/messages", message).await.expect(202);
    let client = two.client();
    eventually("a message came over the link", || async {
        let told = client.get("/_mesh/messages?app=knocking").await.expect(200).json();
        let first = told["results"].as_array().expect("rows").first()?["body"]["text"].clone();
        (first == "still there").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_strangers_cost_little_and_a_kept_link_loses_nothing() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let mut events = Events::after(&one.client(), 0).await;
    events.next_of("nodeup", "two").await;
    let strangers = Strangers::of(&one).await;
    let before = processor_time(&one);
    let Knocked { knocks, let_in, passed } =
        Flood::begin(&strangers, KNOCKS, KNOCKING).ended().await;
    let share = (processor_time(&one) - before).as_secs_f64() / passed.as_secs_f64();
    println!("{knocks} strangers knocked in {passed:?}, {let_in} were let in");
    println!("that took {:.0} % of a core", 100.0 * share);
    assert!(let_in > 0, "strangers are let in as well");
    // Their time is measured around the node's.
    let most = LET_IN * (1.0 + passed.as_secs_f64()) + 1.0;
    assert!(f64::from(let_in) <= most, "{let_in} of {knocks} in {passed:?}");

    message_arrives(&one, &two).await;
    one.peer(&["add", &Certificate::rsa(2048).node_id(), "--name", "last"]).await;
    loop {
        let event = events.next().await;
        assert_ne!(event["event"], "nodedown", "{event}");
        if event["event"] == "trusted" && event["name"] == "last" {
            break;
        }
    }
    assert_eq!(one.known("two").await.expect("a peer")["up"], true);
    let stranger = Certificate::rsa(2048);
    let arguments = ["--interface", "127.254.0.1"];
    let visitor = Visitor { arguments: &arguments, ..Visitor::with(one.mesh_address(), &stranger) };
    eventually("a new stranger is let in when it is quiet", || async {
        (visitor.get("/").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_friend_that_comes_again_finds_room_among_strangers() {
    let (one, mut two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    // It has to come: where it listens is not known.
    one.trust(&two, Peering { name: "two", ..Peering::default() }).await;
    let address = Some(one.mesh_address());
    two.trust(&one, Peering { name: "one", address, groups: &[] }).await;
    one.sees("two", true).await;
    let strangers = Strangers::of(&one).await;
    // Until it is dropped.
    let flood = Flood::begin(&strangers, u32::MAX, Duration::MAX);
    two.kill_hard();
    one.sees("two", false).await;
    let knocks = flood.knocks();
    two.restart();
    one.sees("two", true).await;
    two.sees("one", true).await;
    let knocks = flood.knocks() - knocks;
    println!("{knocks} strangers knocked while a friend came again");
    message_arrives(&one, &two).await;
}

#[tokio::test]
async fn strangers_who_stay_leave_half_of_the_connections_to_friends() {
    let one = Node::start(Options::mesh().set("mesh.max_connections=8"));
    let two = Node::start(Options::mesh());
    let strangers = Strangers::of(&one).await;
    let mut stay = Vec::new();
    for number in 0..4 {
        stay.push(strangers.come_in(number).await.expect("a stranger is let in"));
    }
    assert!(strangers.come_in(4).await.is_none(), "a fifth one has no place");
    one.trust(&two, Peering { name: "two", ..Peering::default() }).await;
    let address = Some(one.mesh_address());
    two.trust(&one, Peering { name: "one", address, groups: &[] }).await;
    one.sees("two", true).await;
    stay.pop();
    eventually("the next stranger has the place of one that went", || async {
        strangers.come_in(5).await.map(drop)
    })
    .await;
}
