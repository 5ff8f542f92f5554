//! What a statement says: who of whom to whom, from when to when, and what of it. The bytes of a
//! payload are made here once, by whoever signs them.

use data_encoding::BASE64;
use serde_json::{Map, Value};

use super::{BadStatement, LONGEST_PAYLOAD_BYTES, StatementKind};
use crate::date::{parse_rfc3339, rfc3339};
use crate::node_id::NodeId;
use crate::peer::{MOST_ADDRESSES, MOST_GROUPS, clean_name, is_address, is_group};

/// DER of a public key: one of 8192 bits has 1,062 bytes.
const LONGEST_KEY_BYTES: usize = 2_048;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What every statement has, and what its kind adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who states it.
    pub issuer: NodeId,
    /// Of whom.
    pub subject: NodeId,
    /// For whom alone it is meant, where it is not for everyone.
    pub audience: Option<NodeId>,
    /// Grows with each statement of one kind by one issuer about one subject.
    pub serial: u64,
    /// When it was signed, in milliseconds since 1970 by the issuer's clock.
    pub issued_ms: u64,
    /// From when on it does not count.
    pub expires_ms: u64,
    /// The rest.
    pub content: StatementContent,
}

/// What the kind adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementContent {
    /// The subject may be trusted.
    Introduction {
        /// What the issuer calls it.
        name: String,
        /// Groups that it belongs to, as far as the issuer may say so.
        groups: Vec<String>,
        /// Where it listens.
        addresses: Vec<String>,
    },
    /// The issuer is there.
    HubRecord {
        /// What it calls itself.
        name: String,
        /// Where it listens.
        addresses: Vec<String>,
        /// Whether it stands in the hub's list.
        listed: bool,
        /// The issuer's public key, DER of its SubjectPublicKeyInfo.
        key: Vec<u8>,
    },
    /// The subject is the issuer's next identity.
    Rotation {
        /// The subject's public key, DER of its SubjectPublicKeyInfo.
        key: Vec<u8>,
    },
}

impl StatementContent {
    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> StatementKind {
        match self {
            Self::Introduction { .. } => StatementKind::Introduction,
            Self::HubRecord { .. } => StatementKind::HubRecord,
            Self::Rotation { .. } => StatementKind::Rotation,
        }
    }
}

impl Claims {
    /// The bytes that are to be signed.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        let mut out = Map::new();
        let mut put = |member: &str, value: Value| drop(out.insert(member.to_owned(), value));
        put("issuer", self.issuer.to_string().into());
        put("subject", self.subject.to_string().into());
        if let Some(audience) = self.audience {
            put("audience", audience.to_string().into());
        }
        put("serial", self.serial.into());
        put("issued", rfc3339(self.issued_ms).into());
        put("expires", rfc3339(self.expires_ms).into());
        match &self.content {
            StatementContent::Introduction { name, groups, addresses } => {
                put("name", name.clone().into());
                put("groups", groups.clone().into());
                put("addresses", addresses.clone().into());
            }
            StatementContent::HubRecord { name, addresses, listed, key } => {
                put("name", name.clone().into());
                put("addresses", addresses.clone().into());
                put("listed", (*listed).into());
                put("key", BASE64.encode(key).into());
            }
            StatementContent::Rotation { key } => put("key", BASE64.encode(key).into()),
        }
        Value::Object(out).to_string().into_bytes()
    }

    /// Reads the bytes that were signed; members that are not known are passed over.
    pub(super) fn parse(kind: StatementKind, payload: &[u8]) -> Result<Self, BadStatement> {
        if payload.len() > LONGEST_PAYLOAD_BYTES {
            return Err(BadStatement::TooLong(payload.len()));
        }
        let members: Map<String, Value> =
            serde_json::from_slice(payload).map_err(|_| BadStatement::Member("payload"))?;
        let members = Members(&members);
        let claims = Self {
            issuer: members.id("issuer")?.ok_or(BadStatement::Claim("issuer"))?,
            subject: members.id("subject")?.ok_or(BadStatement::Claim("subject"))?,
            audience: members.id("audience")?,
            serial: members.serial()?,
            issued_ms: members.date("issued")?,
            expires_ms: members.date("expires")?,
            content: members.content(kind)?,
        };
        claims.check_roles()?;
        claims.check_lifetime()?;
        Ok(claims)
    }

    /// Who may be whom in a statement of its kind.
    fn check_roles(&self) -> Result<(), BadStatement> {
        match self.content {
            // Meant for one node, so that nobody carries it to where it was not meant.
            StatementContent::Introduction { .. } if self.audience.is_none() => {
                Err(BadStatement::Claim("audience"))
            }
            StatementContent::Introduction { .. } | StatementContent::Rotation { .. }
                if self.issuer == self.subject =>
            {
                Err(BadStatement::Claim("subject"))
            }
            StatementContent::HubRecord { .. } if self.issuer != self.subject => {
                Err(BadStatement::Claim("subject"))
            }
            _ => Ok(()),
        }
    }

    fn check_lifetime(&self) -> Result<(), BadStatement> {
        let most_days = self.content.kind().most_days();
        let lifetime = self.expires_ms.checked_sub(self.issued_ms);
        match lifetime {
            Some(lifetime) if lifetime <= most_days * DAY_MS => Ok(()),
            _ => Err(BadStatement::Lifetime { most_days }),
        }
    }
}

struct Members<'a>(&'a Map<String, Value>);

impl Members<'_> {
    fn id(&self, member: &'static str) -> Result<Option<NodeId>, BadStatement> {
        let Some(value) = self.0.get(member) else { return Ok(None) };
        let text = value.as_str().ok_or(BadStatement::Claim(member))?;
        NodeId::from_canonical(text).map(Some).map_err(|_| BadStatement::Claim(member))
    }

    fn serial(&self) -> Result<u64, BadStatement> {
        self.0.get("serial").and_then(Value::as_u64).ok_or(BadStatement::Claim("serial"))
    }

    fn text(&self, member: &'static str) -> Result<&str, BadStatement> {
        self.0.get(member).and_then(Value::as_str).ok_or(BadStatement::Claim(member))
    }

    fn date(&self, member: &'static str) -> Result<u64, BadStatement> {
        parse_rfc3339(self.text(member)?).ok_or(BadStatement::Claim(member))
    }

    /// A list of texts, each of which is one by `is_good`.
    fn texts(
        &self,
        (member, most): (&'static str, usize),
        is_good: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>, BadStatement> {
        let wrong = BadStatement::Claim(member);
        let list = self.0.get(member).and_then(Value::as_array).ok_or(wrong.clone())?;
        if list.len() > most {
            return Err(wrong);
        }
        let good = |value: &Value| value.as_str().filter(|text| is_good(text)).map(str::to_owned);
        list.iter().map(|value| good(value).ok_or(wrong.clone())).collect()
    }

    fn addresses(&self) -> Result<Vec<String>, BadStatement> {
        self.texts(("addresses", MOST_ADDRESSES), is_address)
    }

    fn key(&self) -> Result<Vec<u8>, BadStatement> {
        let key = BASE64.decode(self.text("key")?.as_bytes());
        let key = key.map_err(|_| BadStatement::Claim("key"))?;
        let fits = (1..=LONGEST_KEY_BYTES).contains(&key.len());
        if fits { Ok(key) } else { Err(BadStatement::Claim("key")) }
    }

    fn content(&self, kind: StatementKind) -> Result<StatementContent, BadStatement> {
        Ok(match kind {
            StatementKind::Introduction => StatementContent::Introduction {
                name: clean_name(self.text("name")?),
                groups: self.texts(("groups", MOST_GROUPS), is_group)?,
                addresses: self.addresses()?,
            },
            StatementKind::HubRecord => StatementContent::HubRecord {
                name: clean_name(self.text("name")?),
                addresses: self.addresses()?,
                listed: self
                    .0
                    .get("listed")
                    .and_then(Value::as_bool)
                    .ok_or(BadStatement::Claim("listed"))?,
                key: self.key()?,
            },
            StatementKind::Rotation => StatementContent::Rotation { key: self.key()? },
        })
    }
}
