//! Frames as JSON text.

use serde_json::{Map, Value, json};

use super::{BadFrame, Echo, Frame, Goodbye, Hello, Pace, Receipt, Welcome};
use crate::node_id::NodeId;
use crate::outbox::{Message, id_text, parse_id};
use crate::peer::clean_name;
use crate::statement::{BadStatement, Statement};

/// Characters of the words with which a message is refused.
const LONGEST_REASON: usize = 200;
/// The version of the frames themselves.
const FORM: u32 = 1;

pub(super) fn encode(frame: &Frame) -> Vec<u8> {
    let text = value(frame).to_string();
    // No frame made here is above the limit: names are cut, statements and messages have bounds.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(4 + text.len());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

fn value(frame: &Frame) -> Value {
    match frame {
        Frame::Hello(hello) => json!({
            "t": "hello",
            "v": FORM,
            "node": hello.node.to_string(),
            "version_max": hello.version_max,
            "name": clean_name(&hello.name),
            "listening": hello.listening,
            "session": hello.session,
            "dial": hello.dial,
            "seen_session": hello.seen.map(|(session, _)| session),
            "seen_dial": hello.seen.map(|(_, dial)| dial),
            "heartbeat_ms": hello.heartbeat_ms,
        }),
        Frame::Welcome(welcome) => json!({
            "t": "welcome",
            "v": FORM,
            "version": welcome.version,
            "name": clean_name(&welcome.name),
            "session": welcome.session,
            "heartbeat_ms": welcome.heartbeat_ms,
            "asks_reverse": welcome.asks_reverse,
        }),
        Frame::Heartbeat { number, pace, echo } => heartbeat_value(*number, *pace, *echo),
        Frame::Probe { dial } => json!({ "t": "probe", "v": FORM, "dial": dial }),
        Frame::Reverse => json!({ "t": "reverse", "v": FORM }),
        Frame::Goodbye(goodbye) => {
            json!({ "t": "goodbye", "v": FORM, "reason": goodbye.as_str() })
        }
        Frame::Statement(statement) => {
            json!({ "t": "statement", "v": FORM, "statement": statement.to_json() })
        }
        Frame::Message(message) => {
            let mut value = message.to_json();
            if let Some(members) = value.as_object_mut() {
                members.insert("t".to_owned(), "message".into());
                members.insert("v".to_owned(), FORM.into());
            }
            value
        }
        Frame::Receipt(receipt) => json!({
            "t": "receipt",
            "v": FORM,
            "id": id_text(&receipt.id),
            "refused": receipt.refused,
        }),
        Frame::Unknown => json!({ "t": "unknown", "v": FORM }),
    }
}

fn heartbeat_value(number: u64, pace: Pace, echo: Option<Echo>) -> Value {
    let mut value = json!({ "t": "heartbeat", "v": FORM, "n": number, "every_ms": pace.every_ms });
    let Some(members) = value.as_object_mut() else { return value };
    if pace.asks_ms != pace.every_ms {
        members.insert("asks_ms".to_owned(), pace.asks_ms.into());
    }
    if let Some(echo) = echo {
        members.insert("echo".to_owned(), echo.number.into());
        members.insert("held_ms".to_owned(), echo.held_ms.into());
    }
    value
}

pub(super) fn decode(bytes: &[u8]) -> Result<Frame, BadFrame> {
    let members: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| BadFrame::Form)?;
    match members.get("t").and_then(Value::as_str).ok_or(BadFrame::Form)? {
        "hello" => hello(&Members { frame: "hello", members: &members }).map(Frame::Hello),
        "welcome" => welcome(&Members { frame: "welcome", members: &members }).map(Frame::Welcome),
        "heartbeat" => heartbeat(&Members { frame: "heartbeat", members: &members }),
        "probe" => {
            let dial = Members { frame: "probe", members: &members }.truth("dial");
            Ok(Frame::Probe { dial })
        }
        "reverse" => Ok(Frame::Reverse),
        "goodbye" => {
            let reason = members.get("reason").and_then(Value::as_str).unwrap_or_default();
            Ok(Frame::Goodbye(Goodbye::from_name(reason)))
        }
        "statement" => statement(members.get("statement")),
        "message" => match Message::from_json(&members) {
            Ok(message) => Ok(Frame::Message(Box::new(message))),
            Err(member) => Err(BadFrame::Member { frame: "message", member }),
        },
        "receipt" => {
            let members = Members { frame: "receipt", members: &members };
            let id = parse_id(members.text("id")?).ok_or(members.wrong("id"))?;
            let members = members.members;
            let refused = members.get("refused").and_then(Value::as_str).map(reason);
            Ok(Frame::Receipt(Receipt { id, refused }))
        }
        _ => Ok(Frame::Unknown),
    }
}

/// Kinds of statements that are not known here are passed over, as types of frames are.
fn statement(value: Option<&Value>) -> Result<Frame, BadFrame> {
    match Statement::from_json(value.unwrap_or(&Value::Null)) {
        Ok(statement) => Ok(Frame::Statement(Box::new(statement))),
        Err(BadStatement::Kind(_)) => Ok(Frame::Unknown),
        Err(_) => Err(BadFrame::Member { frame: "statement", member: "statement" }),
    }
}

/// Words of another node, fit for a log.
fn reason(text: &str) -> String {
    let printable = text.chars().filter(|character| !character.is_control());
    printable.take(LONGEST_REASON).collect()
}

fn hello(members: &Members<'_>) -> Result<Hello, BadFrame> {
    let node = NodeId::from_canonical(members.text("node")?).map_err(|_| members.wrong("node"))?;
    let listening = match members.optional("listening") {
        None => None,
        Some(port) => Some(port.try_into().map_err(|_| members.wrong("listening"))?),
    };
    Ok(Hello {
        node,
        version_max: members.version("version_max")?,
        name: clean_name(members.text("name")?),
        listening,
        session: members.number("session")?,
        dial: members.number("dial")?,
        seen: members.optional("seen_session").zip(members.optional("seen_dial")),
        heartbeat_ms: members.number("heartbeat_ms")?,
    })
}

fn welcome(members: &Members<'_>) -> Result<Welcome, BadFrame> {
    Ok(Welcome {
        version: members.version("version")?,
        name: clean_name(members.text("name")?),
        session: members.number("session")?,
        heartbeat_ms: members.number("heartbeat_ms")?,
        asks_reverse: members.truth("asks_reverse"),
    })
}

fn heartbeat(members: &Members<'_>) -> Result<Frame, BadFrame> {
    let echo = members.optional("echo").zip(members.optional("held_ms"));
    let every_ms = members.number("every_ms")?;
    Ok(Frame::Heartbeat {
        number: members.number("n")?,
        pace: Pace { every_ms, asks_ms: members.optional("asks_ms").unwrap_or(every_ms) },
        echo: echo.map(|(number, held_ms)| Echo { number, held_ms }),
    })
}

struct Members<'frame> {
    frame: &'static str,
    members: &'frame Map<String, Value>,
}

impl Members<'_> {
    const fn wrong(&self, member: &'static str) -> BadFrame {
        BadFrame::Member { frame: self.frame, member }
    }

    fn text(&self, member: &'static str) -> Result<&str, BadFrame> {
        self.members.get(member).and_then(Value::as_str).ok_or(self.wrong(member))
    }

    fn optional(&self, member: &str) -> Option<u64> {
        self.members.get(member).and_then(Value::as_u64)
    }

    /// Whether it is there and true.
    fn truth(&self, member: &str) -> bool {
        self.members.get(member).and_then(Value::as_bool).unwrap_or_default()
    }

    fn number(&self, member: &'static str) -> Result<u64, BadFrame> {
        self.optional(member).ok_or(self.wrong(member))
    }

    fn version(&self, member: &'static str) -> Result<u32, BadFrame> {
        self.number(member)?.try_into().map_err(|_| self.wrong(member))
    }
}

impl Goodbye {
    const ALL: [Self; 4] = [Self::Superseded, Self::Stopping, Self::Revoked, Self::Refused];

    /// Its name on the link.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superseded => "superseded",
            Self::Stopping => "stopping",
            Self::Revoked => "revoked",
            Self::Refused => "refused",
            Self::Other => "other",
        }
    }

    fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.as_str() == name).unwrap_or(Self::Other)
    }
}
