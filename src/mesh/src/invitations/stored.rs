//! The open invitations as one small record: no token is in it.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{InvitationTerms, Invitations, OpenInvitation};
use crate::node_id::NodeId;

/// The version of the record.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    last_number: u64,
    open: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    number: u64,
    hash: String,
    expires_ms: u64,
    name: Option<String>,
    groups: Vec<String>,
    used_by: Option<String>,
    /// Absent in records from before it was kept, when a guest was admitted as soon as it came.
    admitted: Option<bool>,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStoredInvitations {
    /// Not written by any version.
    #[error("the record of open invitations cannot be read: {0}")]
    Form(String),
    /// Written by a later version.
    #[error("the record of open invitations has version {0}: this refuge reads {VERSION}")]
    Version(u32),
}

impl Invitations {
    /// The record.
    #[must_use]
    pub fn to_record(&self) -> Vec<u8> {
        let row = |one: &OpenInvitation| Row {
            number: one.number,
            hash: HEXLOWER.encode(&one.hash),
            expires_ms: one.expires_ms,
            name: one.terms.name.clone(),
            groups: one.terms.groups.clone(),
            used_by: one.used_by.map(|id| id.to_string()),
            admitted: Some(one.admitted),
        };
        let open = self.open.iter().map(row).collect();
        let record = Record { version: VERSION, last_number: self.last_number, open };
        // Texts and numbers alone: nothing that could not be written.
        serde_json::to_vec(&record).unwrap_or_default()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`BadStoredInvitations`].
    pub fn from_record(record: &[u8]) -> Result<Self, BadStoredInvitations> {
        let form = |reason: String| BadStoredInvitations::Form(reason);
        let record: Record =
            serde_json::from_slice(record).map_err(|error| form(error.to_string()))?;
        if record.version != VERSION {
            return Err(BadStoredInvitations::Version(record.version));
        }
        let read = |row: Row| {
            let hash = HEXLOWER.decode(row.hash.as_bytes()).ok().and_then(|it| it.try_into().ok());
            let used_by = row.used_by.map(|text| NodeId::from_canonical(&text)).transpose();
            let used_by = used_by.map_err(|error| form(error.to_string()))?;
            let admitted = row.admitted.unwrap_or(used_by.is_some());
            Ok(OpenInvitation {
                number: row.number,
                hash: hash.ok_or_else(|| form("a hash is none".to_owned()))?,
                expires_ms: row.expires_ms,
                terms: InvitationTerms { name: row.name, groups: row.groups },
                used_by,
                admitted,
            })
        };
        let open = record.open.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { open, last_number: record.last_number })
    }
}
