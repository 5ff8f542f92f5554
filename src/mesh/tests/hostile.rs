//! A trusted peer that has gone mad, and a shell that reports anything at any time: whatever comes, a
//! machine keeps its promises.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the message")]

use proptest::prelude::*;
use refuge_mesh::{
    Echo, Effect, Frame, FrameReader, Hello, NodeId, Pace, PeerMachine, PeerMachineOptions, Welcome,
};

/// More than a machine has use for at once.
const MOST_CARRIERS: usize = 24;

#[derive(Clone, Debug)]
enum Input {
    Accepted,
    Dialled(u64),
    DialFailed(u64),
    Received(u64, Frame),
    Heard(u64),
    Closed(u64),
    /// Waits so long and is woken whenever it wanted.
    Wait(u64),
    /// Is not woken though it wanted to be.
    Oversleep(u64),
    SetDialable(bool),
    SetHeartbeat(u64),
}

fn node(number: u8) -> NodeId {
    NodeId::from_digest([number; 32])
}

/// Small numbers meet each other; large ones overflow.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..6, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn carrier() -> impl Strategy<Value = u64> {
    0u64..40
}

fn frame() -> impl Strategy<Value = Frame> {
    let hello = (number(), number(), prop::option::of((number(), number())), number(), 0u32..3);
    let hello = hello.prop_map(|(session, dial, seen, heartbeat_ms, version_max)| {
        let name = "mad".to_owned();
        let listening = None;
        let node = node(2);
        Frame::Hello(Hello {
            node,
            version_max,
            name,
            listening,
            session,
            dial,
            seen,
            heartbeat_ms,
        })
    });
    let welcome = (number(), number(), 0u32..3, any::<bool>());
    let welcome = welcome.prop_map(|(session, heartbeat_ms, version, asks_reverse)| {
        let name = String::new();
        Frame::Welcome(Welcome { version, name, session, heartbeat_ms, asks_reverse })
    });
    let echo = prop::option::of((number(), number()));
    let pace = (number(), number()).prop_map(|(every_ms, asks_ms)| Pace { every_ms, asks_ms });
    let heartbeat = (number(), pace, echo).prop_map(|(number, pace, echo)| {
        let echo = echo.map(|(number, held_ms)| Echo { number, held_ms });
        Frame::Heartbeat { number, pace, echo }
    });
    let goodbye = prop::sample::select(vec!["superseded", "stopping", "revoked", "refused", "?"]);
    prop_oneof![
        4 => hello,
        3 => welcome,
        4 => heartbeat,
        1 => any::<bool>().prop_map(|dial| Frame::Probe { dial }),
        2 => goodbye.prop_map(goodbye_frame),
        1 => Just(Frame::Unknown),
        1 => Just(Frame::Reverse),
    ]
}

fn goodbye_frame(reason: &str) -> Frame {
    let json = format!(r#"{{"t":"goodbye","v":1,"reason":"{reason}"}}"#);
    let mut reader = FrameReader::new();
    reader.push(&(json.len() as u32).to_be_bytes());
    reader.push(json.as_bytes());
    reader.next().unwrap().unwrap()
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => Just(Input::Accepted),
        3 => carrier().prop_map(Input::Dialled),
        1 => carrier().prop_map(Input::DialFailed),
        9 => (carrier(), frame()).prop_map(|(carrier, frame)| Input::Received(carrier, frame)),
        1 => carrier().prop_map(Input::Heard),
        2 => carrier().prop_map(Input::Closed),
        3 => (0u64..3_000).prop_map(Input::Wait),
        1 => (0u64..100_000).prop_map(Input::Oversleep),
        1 => any::<bool>().prop_map(Input::SetDialable),
        1 => number().prop_map(Input::SetHeartbeat),
    ]
}

struct Bench {
    machine: PeerMachine,
    now_ms: u64,
    up: bool,
}

impl Bench {
    fn new() -> Self {
        let mut machine = PeerMachine::new(PeerMachineOptions {
            us: node(1),
            peer: node(2),
            dialable: true,
            heartbeat_ms: 1_000,
            seed: 1,
            name: "sane".to_owned(),
            listening: None,
        });
        machine.start(0);
        Self { machine, now_ms: 0, up: false }
    }

    fn run(&mut self, input: Input) {
        let now_ms = self.now_ms;
        let effects = match input {
            Input::Accepted => self.machine.accepted(now_ms).1,
            Input::Dialled(carrier) => self.machine.dialled(now_ms, carrier),
            Input::DialFailed(carrier) => self.machine.dial_failed(now_ms, carrier),
            Input::Received(carrier, frame) => self.machine.received(now_ms, carrier, frame),
            Input::Heard(carrier) => self.machine.heard(now_ms, carrier),
            Input::Closed(carrier) => self.machine.closed(now_ms, carrier),
            Input::Wait(milliseconds) => return self.wait_until(now_ms + milliseconds),
            Input::Oversleep(milliseconds) => {
                self.now_ms += milliseconds;
                self.machine.elapsed(self.now_ms)
            }
            Input::SetDialable(dialable) => self.machine.set_dialable(now_ms, dialable),
            Input::SetHeartbeat(every_ms) => self.machine.set_heartbeat(now_ms, every_ms),
        };
        self.check(&effects);
    }

    fn wait_until(&mut self, until_ms: u64) {
        while let Some(wake_ms) = self.machine.next_wake().filter(|wake_ms| *wake_ms <= until_ms) {
            self.now_ms = self.now_ms.max(wake_ms);
            let effects = self.machine.elapsed(self.now_ms);
            assert!(
                self.machine.next_wake().is_none_or(|next| next > self.now_ms),
                "it never rests"
            );
            self.check(&effects);
        }
        self.now_ms = until_ms;
    }

    fn check(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Up => assert!(!std::mem::replace(&mut self.up, true), "up twice"),
                Effect::Down { .. } => assert!(std::mem::take(&mut self.up), "down twice"),
                Effect::Send { frame, .. } => assert!(frame.encode().len() < 1_024),
                Effect::Dial { .. }
                | Effect::Close { .. }
                | Effect::Reverse { .. }
                | Effect::OneReverse { .. } => {}
            }
        }
        assert_eq!(self.up, self.machine.is_up());
        let state = self.machine.state(self.now_ms);
        assert!(state.carriers.len() <= MOST_CARRIERS, "{:?}", state.carriers);
        assert!(state.phi.is_finite());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_comes_a_machine_keeps_its_promises(
        inputs in prop::collection::vec(input(), 1..120),
    ) {
        let mut bench = Bench::new();
        for input in inputs {
            bench.run(input);
        }
        // And when all is quiet it ends up away, dialling now and then.
        bench.run(Input::SetDialable(true));
        bench.wait_until(bench.now_ms + 300_000);
        prop_assert!(!bench.up);
        prop_assert!(bench.machine.next_wake().is_some());
    }
}
