//! Messages as JSON: on a link as it is, on disk with the body as text.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::{Message, MessageId};

impl Message {
    /// `{"id", "app", "sent", "body"}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id_text(),
            "app": self.application,
            "sent": self.sent_ms,
            // None is made that is no JSON; of such a one there would be nothing to tell.
            "body": serde_json::from_str::<Value>(&self.body).unwrap_or_default(),
        })
    }

    /// Reads what [`Message::to_json`] made, whatever stands beside it.
    ///
    /// # Errors
    /// The member that is missing or wrong.
    pub fn from_json(members: &Map<String, Value>) -> Result<Self, &'static str> {
        let text = |member| members.get(member).and_then(Value::as_str).ok_or(member);
        Ok(Self {
            id: parse_id(text("id")?).ok_or("id")?,
            application: text("app")?.to_owned(),
            body: members.get("body").ok_or("body")?.to_string(),
            sent_ms: members.get("sent").and_then(Value::as_u64).ok_or("sent")?,
        })
    }

    /// As [`Message::to_json`], but the body is a string that holds its text: what is stored is read as it
    /// was written, however deep it is and whatever its numbers are.
    #[must_use]
    pub fn to_stored(&self) -> Value {
        json!({
            "id": self.id_text(),
            "app": self.application,
            "sent": self.sent_ms,
            "body": self.body,
        })
    }

    /// Reads what [`Message::to_stored`] made.
    ///
    /// # Errors
    /// The member that is missing or wrong.
    pub fn from_stored(members: &Map<String, Value>) -> Result<Self, &'static str> {
        let body = members.get("body").and_then(Value::as_str).ok_or("body")?.to_owned();
        Ok(Self { body, ..Self::from_json(members)? })
    }

    /// Its id as text.
    #[must_use]
    pub fn id_text(&self) -> String {
        id_text(&self.id)
    }
}

pub(crate) fn id_text(id: &MessageId) -> String {
    HEXLOWER.encode(id)
}

pub(crate) fn parse_id(text: &str) -> Option<MessageId> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
