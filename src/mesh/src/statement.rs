//! Statements: what a node signs so that others may act on it later and elsewhere. Their form, what is
//! signed, and when one counts. Keys and signatures are not known here: a [`Statement`] that was read
//! proves nothing until its signature was checked where keys are known.
//!
//! On the wire: `{"kind", "payload", "issuer", "signature"}` and for rotations `countersignature`, the
//! payload being base64 of the exact bytes that were signed. They are kept and passed on as they came.

mod claims;
mod judging;
mod serials;

use std::fmt;

use data_encoding::BASE64;
use serde_json::{Map, Value};

use crate::node_id::NodeId;
pub use claims::{Claims, StatementContent};
pub use judging::{Judgement, StatementContext, StatementRefusal, judge};
pub use serials::next_serial;

/// Bytes of a payload: an introduction with all its addresses and groups has about 8 KiB.
pub const LONGEST_PAYLOAD_BYTES: usize = 16 * 1024;
/// Bytes of a signature by the largest key that a node may have, 8192 bits.
const LONGEST_SIGNATURE_BYTES: usize = 1_024;

/// What is stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatementKind {
    /// The issuer vouches for another node towards a third.
    Introduction,
    /// The issuer tells where it is.
    HubRecord,
    /// The issuer has another key from now on.
    Rotation,
}

/// A statement as it was read or signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Statement {
    kind: StatementKind,
    payload: Vec<u8>,
    claims: Claims,
    signature: Vec<u8>,
    countersignature: Option<Vec<u8>>,
}

/// Why a value is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStatement {
    /// A member of the statement is missing or wrong.
    #[error("this is no statement: `{0}` is missing or wrong")]
    Member(&'static str),
    /// A kind that is not known here.
    #[error("statements of the kind {0:?} are not known here")]
    Kind(String),
    /// More bytes than a payload may have.
    #[error("the payload has {0} bytes: {LONGEST_PAYLOAD_BYTES} are allowed")]
    TooLong(usize),
    /// A member of what was signed is missing or wrong.
    #[error("the payload's `{0}` is missing or wrong")]
    Claim(&'static str),
    /// The issuer named outside of the signed bytes is another than the one within.
    #[error("the statement names another issuer than its signed bytes")]
    OtherIssuer,
    /// It ends before it begins, or holds for longer than its kind may.
    #[error("a statement of this kind holds for at most {most_days} days from its `issued` on")]
    Lifetime {
        /// The most, in days.
        most_days: u64,
    },
}

impl StatementKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Introduction, Self::HubRecord, Self::Rotation];

    /// Its name, on the wire and in what is signed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introduction => "introduction",
            Self::HubRecord => "hub",
            Self::Rotation => "rotation",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// How long one may hold at most, in days.
    #[must_use]
    pub const fn most_days(self) -> u64 {
        match self {
            // Whoever vouches says so anew each year.
            Self::Introduction => 366,
            Self::HubRecord => 1,
            // A friend's node may be away for long.
            Self::Rotation => 3_660,
        }
    }
}

/// The bytes that are signed: `refuge/<kind>/1`, a zero, the payload. So a signature for one purpose is
/// none for another.
#[must_use]
pub fn signed_bytes(kind: StatementKind, payload: &[u8]) -> Vec<u8> {
    let domain = format!("refuge/{}/1\0", kind.as_str());
    [domain.as_bytes(), payload].concat()
}

impl Statement {
    /// A statement whose signatures were made over [`signed_bytes`] of these claims' payload.
    ///
    /// # Errors
    /// [`BadStatement`] where others would refuse to read it.
    pub fn signed(
        payload: Vec<u8>,
        kind: StatementKind,
        signature: Vec<u8>,
        countersignature: Option<Vec<u8>>,
    ) -> Result<Self, BadStatement> {
        let claims = Claims::parse(kind, &payload)?;
        let needs_two = kind == StatementKind::Rotation;
        if needs_two != countersignature.is_some() {
            return Err(BadStatement::Member("countersignature"));
        }
        Ok(Self { kind, payload, claims, signature, countersignature })
    }

    /// Reads one; further members are passed over. Nothing is proved by that.
    ///
    /// # Errors
    /// [`BadStatement`] says what is wrong.
    pub fn from_json(value: &Value) -> Result<Self, BadStatement> {
        let text = |member: &'static str| {
            value.get(member).and_then(Value::as_str).ok_or(BadStatement::Member(member))
        };
        let name = text("kind")?;
        let kind = StatementKind::named(name)
            .ok_or_else(|| BadStatement::Kind(name.chars().take(64).collect()))?;
        let issuer =
            NodeId::from_canonical(text("issuer")?).map_err(|_| BadStatement::Member("issuer"))?;
        let payload = text("payload")?;
        if payload.len() > BASE64.encode_len(LONGEST_PAYLOAD_BYTES) {
            return Err(BadStatement::TooLong(payload.len() / 4 * 3));
        }
        let payload =
            BASE64.decode(payload.as_bytes()).map_err(|_| BadStatement::Member("payload"))?;
        let signature = signature_in(text("signature")?, "signature")?;
        let countersignature = match value.get("countersignature") {
            None | Some(Value::Null) => None,
            Some(_) => Some(signature_in(text("countersignature")?, "countersignature")?),
        };
        let read = Self::signed(payload, kind, signature, countersignature)?;
        if read.claims.issuer == issuer { Ok(read) } else { Err(BadStatement::OtherIssuer) }
    }

    /// As it travels and is stored.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("kind".to_owned(), self.kind.as_str().into());
        out.insert("payload".to_owned(), BASE64.encode(&self.payload).into());
        out.insert("issuer".to_owned(), self.claims.issuer.to_string().into());
        out.insert("signature".to_owned(), BASE64.encode(&self.signature).into());
        if let Some(second) = &self.countersignature {
            out.insert("countersignature".to_owned(), BASE64.encode(second).into());
        }
        Value::Object(out)
    }

    /// What it states.
    #[must_use]
    pub const fn kind(&self) -> StatementKind {
        self.kind
    }

    /// What is claimed; true only if the signature holds.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The bytes under its signatures.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        signed_bytes(self.kind, &self.payload)
    }

    /// The issuer's signature.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The signature of the new key, of a rotation alone.
    #[must_use]
    pub fn countersignature(&self) -> Option<&[u8]> {
        self.countersignature.as_deref()
    }
}

fn signature_in(text: &str, member: &'static str) -> Result<Vec<u8>, BadStatement> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| BadStatement::Member(member))?;
    let fits = (1..=LONGEST_SIGNATURE_BYTES).contains(&bytes.len());
    if fits { Ok(bytes) } else { Err(BadStatement::Member(member)) }
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Statement").field("claims", &self.claims).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
