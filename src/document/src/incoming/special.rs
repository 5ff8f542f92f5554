//! The members of a document that CouchDB keeps for itself. Source: CouchDB's `couch_doc`, function
//! `transfer_fields`.

use crate::access::ACCESS;
use crate::body::Body;
use crate::expiry::EXPIRES;
use crate::id::{IdError, check_document_id};
use crate::json::{self, Normaliser};
use crate::revision::{Revision, RevisionHash};

use super::{BadDocument, Incoming, attachments};

/// Raw values of the special members; of those with one name the last.
#[derive(Default)]
struct Special<'a> {
    id: Option<&'a [u8]>,
    revision: Option<&'a [u8]>,
    revisions: Option<&'a [u8]>,
    deleted: Option<&'a [u8]>,
    attachments: Option<&'a [u8]>,
    expires: Option<&'a [u8]>,
    access: Option<&'a [u8]>,
    /// `_access` came twice: two readers of the text may see two lists.
    access_again: bool,
    unknown: Option<String>,
}

impl<'a> Special<'a> {
    /// Takes a member whose name starts with `_`; false if it belongs to the body.
    fn take(&mut self, name: &str, value: &'a [u8]) -> bool {
        match name {
            "_id" => self.id = Some(value),
            "_rev" => self.revision = Some(value),
            "_revisions" => self.revisions = Some(value),
            "_deleted" => self.deleted = Some(value),
            "_attachments" => self.attachments = Some(value),
            EXPIRES => self.expires = Some(value),
            ACCESS => self.access_again = self.access.replace(value).is_some(),
            // Answers carry them; what a client sends back is dropped.
            "_revs_info" | "_local_seq" | "_conflicts" | "_deleted_conflicts" => {}
            // The replicator's marks count as body.
            "_replication_state"
            | "_replication_state_time"
            | "_replication_state_reason"
            | "_replication_id"
            | "_replication_stats" => return false,
            _ => {
                self.unknown.get_or_insert_with(|| name.to_owned());
            }
        }
        true
    }
}

pub(super) fn parse(text: &[u8]) -> Result<Incoming, BadDocument> {
    let mut normaliser = Normaliser::new(text)?;
    normaliser.white();
    if normaliser.cursor.peek() != b'{' {
        normaliser.value(0)?;
        normaliser.finish()?;
        return Err(BadDocument::NotAnObject);
    }
    let mut special = Special::default();
    normaliser.document(|name, value| special.take(name, value))?;
    let body = normaliser.finish()?;
    if let Some(name) = special.unknown {
        return Err(BadDocument::SpecialMember(name));
    }
    if special.access_again {
        return Err(BadDocument::Access);
    }
    let id = special.id.map(parse_id).transpose()?;
    let revisions = special.revisions.map(parse_revisions).transpose()?;
    let revision = match &revisions {
        Some(revisions) if !revisions.is_empty() => revisions.first().cloned(),
        _ => special.revision.map(parse_revision).transpose()?,
    };
    let deleted = match special.deleted {
        None | Some(b"false") => false,
        Some(b"true") => true,
        Some(_) => return Err(BadDocument::SpecialMember("_deleted".to_owned())),
    };
    let attachments = match special.attachments {
        Some(listed) => attachments::parse(listed)?,
        None => Vec::new(),
    };
    Ok(Incoming {
        id,
        revision,
        revisions: revisions.filter(|revisions| !revisions.is_empty()),
        deleted,
        attachments,
        expires: special.expires.map(<[u8]>::to_vec),
        access: special.access.map(<[u8]>::to_vec),
        body: Body::from_normal(body),
    })
}

fn parse_id(value: &[u8]) -> Result<String, BadDocument> {
    let id = json::string(value).ok_or(IdError::NotAString)?;
    check_document_id(&id)?;
    Ok(id.into_owned())
}

fn parse_revision(value: &[u8]) -> Result<Revision, BadDocument> {
    json::string(value).and_then(|text| text.parse().ok()).ok_or(BadDocument::Revision)
}

/// `{"start": 3, "ids": ["c", "b", "a"]}` as `3-c`, `2-b`, `1-a`.
fn parse_revisions(value: &[u8]) -> Result<Vec<Revision>, BadDocument> {
    let members =
        json::members(value).map_err(|_| BadDocument::SpecialMember("_revisions".to_owned()))?;
    let (mut start, mut ids) = (None, None);
    for member in members {
        let (name, value) = member?;
        match name.as_ref() {
            "start" => start = Some(value),
            "ids" => ids = Some(value),
            _ => {}
        }
    }
    let start: u32 = start
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.parse().ok())
        .ok_or(BadDocument::Revisions("_revisions.start isn't an integer."))?;
    let ids = ids
        .and_then(|text| json::elements(text).ok())
        .ok_or(BadDocument::Revisions("_revisions.ids isn't a array."))?;
    let mut revisions = Vec::new();
    for (age, id) in (0..).zip(ids) {
        let text = json::string(id?).ok_or(BadDocument::Revisions("RevId isn't a string"))?;
        let hash = RevisionHash::from_text(&text)
            .map_err(|_| BadDocument::Revisions("RevId isn't a valid hexadecimal"))?;
        let depth = start.checked_sub(age).filter(|depth| *depth > 0).ok_or(
            BadDocument::Revisions("_revisions.ids has more members than _revisions.start allows."),
        )?;
        revisions.push(Revision { depth, hash });
    }
    Ok(revisions)
}
