//! Frames as they are written and read, in pieces and damaged.

use super::*;
use proptest::prelude::*;

fn hello() -> Hello {
    Hello {
        node: NodeId::from_digest([1; 32]),
        version_max: 3,
        name: "anna".to_owned(),
        listening: Some(6984),
        session: u64::MAX,
        dial: 7,
        seen: Some((8, 9)),
        heartbeat_ms: 1_000,
    }
}

fn all() -> Vec<Frame> {
    let alone = Hello { listening: None, seen: None, ..hello() };
    let welcome = Welcome {
        version: 1,
        name: String::new(),
        session: 2,
        heartbeat_ms: 5_000,
        asks_reverse: true,
    };
    let mut frames = vec![
        Frame::Hello(hello()),
        Frame::Hello(alone),
        Frame::Welcome(welcome),
        heartbeat(1_000, 1_000),
        heartbeat(2_000, 1_000),
        Frame::Probe { dial: true },
        Frame::Reverse,
        Frame::Message(Box::new(Message {
            id: [7; 16],
            application: "chat".to_owned(),
            body: r#"{"text":"hello"}"#.to_owned(),
            sent_ms: 5,
        })),
        Frame::Receipt(Receipt { id: [7; 16], refused: None }),
        Frame::Receipt(Receipt { id: [7; 16], refused: Some("too old".to_owned()) }),
        Frame::Unknown,
    ];
    for reason in ["superseded", "stopping", "revoked", "refused", "other"] {
        let json = format!(r#"{{"t":"goodbye","v":1,"reason":"{reason}"}}"#);
        frames.push(read_one(&framed(json.as_bytes())).expect("a frame"));
    }
    frames
}

fn heartbeat(every_ms: u64, asks_ms: u64) -> Frame {
    let echo = Some(Echo { number: 3, held_ms: 2 });
    Frame::Heartbeat { number: 4, pace: Pace { every_ms, asks_ms }, echo }
}

fn framed(json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(json.len()).expect("short");
    [&length.to_be_bytes(), json].concat()
}

fn read_one(bytes: &[u8]) -> Result<Frame, BadFrame> {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    reader.next().map(|frame| frame.expect("a whole frame"))
}

#[test]
fn every_frame_comes_back() {
    for frame in all() {
        assert_eq!(read_one(&frame.encode()), Ok(frame));
    }
}

#[test]
fn a_heartbeat_that_does_not_say_what_it_asks_for_asks_for_what_it_promises() {
    let json = br#"{"t":"heartbeat","v":1,"n":4,"every_ms":2000,"echo":3,"held_ms":2}"#;
    assert_eq!(read_one(&framed(json)), Ok(heartbeat(2_000, 2_000)));
    let text = String::from_utf8(heartbeat(2_000, 2_000).encode().split_off(4)).expect("text");
    assert!(!text.contains("asks_ms"), "{text}");
}

#[test]
fn the_longest_message_fits_into_a_frame() {
    let longest = Message {
        id: [255; 16],
        application: "a".repeat(64),
        body: format!("{:?}", "x".repeat(crate::outbox::LONGEST_MESSAGE_BYTES - 2)),
        sent_ms: u64::MAX,
    };
    let frame = Frame::Message(Box::new(longest));
    assert_eq!(read_one(&frame.encode()), Ok(frame));
}

#[test]
fn the_bytes_of_a_frame_are_these() {
    let pace = Pace { every_ms: 1_000, asks_ms: 1_000 };
    let frame = Frame::Heartbeat { number: 4, pace, echo: None };
    assert_eq!(frame.encode(), framed(br#"{"t":"heartbeat","v":1,"n":4,"every_ms":1000}"#));
}

#[test]
fn a_statement_travels_as_it_was_signed_and_unknown_kinds_are_passed_over() {
    let vectors = include_str!("../../../../tests/vectors/statements.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("vectors");
    let mut statement = vectors["statements"][0]["statement"].clone();
    let read = Statement::from_json(&statement).expect("a statement");
    let frame = Frame::Statement(Box::new(read));
    assert_eq!(read_one(&frame.encode()), Ok(frame));
    let framed_with = |statement: &serde_json::Value| {
        let frame = serde_json::json!({"t": "statement", "v": 1, "statement": statement});
        read_one(&framed(frame.to_string().as_bytes()))
    };
    statement["kind"] = "lookup".into();
    assert_eq!(framed_with(&statement), Ok(Frame::Unknown));
    let bad = BadFrame::Member { frame: "statement", member: "statement" };
    assert_eq!(framed_with(&serde_json::Value::Null), Err(bad));
}

#[test]
fn unknown_types_and_members_are_passed_over() {
    assert_eq!(read_one(&framed(br#"{"t":"gossip","v":9}"#)), Ok(Frame::Unknown));
    let json = br#"{"t":"goodbye","v":2,"reason":"bored","since":[1,{}]}"#;
    assert_eq!(read_one(&framed(json)), Ok(Frame::Goodbye(Goodbye::Other)));
}

#[test]
fn a_hidden_character_in_a_claimed_name_does_not_get_through() {
    let frame = Frame::Hello(Hello { name: format!("a\u{1b}[2Jb{}", "c".repeat(100)), ..hello() });
    let Ok(Frame::Hello(read)) = read_one(&frame.encode()) else { panic!("a hello") };
    assert!(read.name.starts_with("a[2Jb") && read.name.chars().count() == 64);
}

#[test]
fn what_is_no_frame_is_refused() {
    for json in ["", "{", "[]", "{}", r#"{"t":1}"#, r#"{"t":"hello","v":1}"#, "\u{0}"] {
        assert!(read_one(&framed(json.as_bytes())).is_err(), "{json}");
    }
    let deep = [br#"{"t":"hello","x":"#.as_slice(), &[b'['; 60_000]].concat();
    assert_eq!(read_one(&framed(&deep)), Err(BadFrame::Form));
}

#[test]
fn a_length_beyond_the_limit_is_refused_before_its_bytes_come() {
    let mut reader = FrameReader::new();
    reader.push(&65_537u32.to_be_bytes());
    assert_eq!(reader.next(), Err(BadFrame::TooLong(65_537)));
    assert_eq!(reader.next(), Err(BadFrame::TooLong(65_537)));
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_frames(
        picks in prop::collection::vec(0usize..11, 1..20),
        sizes in prop::collection::vec(1usize..300, 1..20),
    ) {
        let frames: Vec<Frame> = picks.iter().map(|pick| all()[*pick].clone()).collect();
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        let (mut reader, mut read, mut rest) = (FrameReader::new(), Vec::new(), bytes.as_slice());
        for size in sizes.iter().cycle() {
            let (piece, later) = rest.split_at((*size).min(rest.len()));
            reader.push(piece);
            while let Some(frame) = reader.next().expect("good frames") {
                read.push(frame);
            }
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut reader = FrameReader::new();
        reader.push(&bytes);
        let _ = reader.next();
        let mut reader = FrameReader::new();
        reader.push(&framed(&bytes));
        let _ = reader.next();
    }
}
