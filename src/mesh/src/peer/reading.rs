//! From the body of a document to a [`PeerRecord`], member by member.

use serde_json::{Map, Value};

use super::checks::{is_address, is_group, is_plain_name, looks_like_an_id};
use super::{IntroductionPolicy, PeerRecord, Trust, rotations};
use crate::date::parse_rfc3339;
use crate::node_id::{BadNodeId, NodeId};

/// Addresses of one peer: all of them are tried.
pub(crate) const MOST_ADDRESSES: usize = 32;
/// Addresses of one peer that others told of.
pub(super) const MOST_TOLD_ADDRESSES: usize = 8;
/// Groups of one peer.
pub(crate) const MOST_GROUPS: usize = 64;
/// A certificate over a key of 8192 bits has about 3 KiB.
const LONGEST_CERTIFICATE_BYTES: usize = 16 * 1024;

/// Why a document is none of a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPeer {
    /// `_id` is no node id in its canonical form.
    #[error("the document's _id has to be a node id: {0}")]
    Id(#[from] BadNodeId),
    /// A member has a value of another type.
    #[error("`{member}` has to be {wanted}")]
    Type {
        /// Its name.
        member: &'static str,
        /// What it has to be.
        wanted: &'static str,
    },
    /// No name to be used here.
    #[error(
        "a name has 1 to 64 characters, none of them hidden and no space at either end, and is \
         neither \"*\" nor begins with \"group:\""
    )]
    Name,
    /// A name that looks like an id.
    #[error("this name looks like a node id: give one that people tell from ids")]
    NameLikeId,
    /// No group.
    #[error("{0:?} is no group: a group is called by 1 to 64 of a-z, 0-9, _ and -")]
    Group(String),
    /// No address.
    #[error("{0:?} is no address: give host:port, an IPv6 address in brackets")]
    Address(String),
    /// Too many of something.
    #[error("`{member}` may hold {most} at most")]
    TooMany {
        /// Its name.
        member: &'static str,
        /// The limit.
        most: usize,
    },
    /// The trust is none that there is.
    #[error("`trust` has to be \"trusted\", \"blocked\" or absent")]
    Trust,
    /// No certificate by its form.
    #[error("`certificate` has to be one certificate in PEM form, 16 KiB at most")]
    Certificate,
    /// No way to deal with introductions.
    #[error("`introductions` has to be \"ask\", \"accept\", \"off\" or absent")]
    Introductions,
    /// No date.
    #[error("`{0}` has to be a date as 2026-01-02T03:04:05Z")]
    Date(&'static str),
}

pub(super) fn read(id: &str, body: &Map<String, Value>) -> Result<PeerRecord, BadPeer> {
    let id = NodeId::from_canonical(id)?;
    Ok(PeerRecord {
        id,
        name: name(&id, text(body, "name")?)?,
        certificate: certificate(text(body, "certificate")?)?,
        trust: trust(text(body, "trust")?)?,
        groups: groups(body, "groups")?,
        addresses: addresses(body, ("addresses", MOST_ADDRESSES))?,
        told_addresses: addresses(body, ("told_addresses", MOST_TOLD_ADDRESSES))?,
        bandwidth: bandwidth(body)?,
        metered: boolean_or(body, "metered", true)?,
        introducer: boolean(body, "introducer")?,
        may_confer: groups(body, "may_confer")?,
        introductions: introductions(text(body, "introductions")?)?,
        introduced_by: node(body, "introduced_by")?.map(|id| id.to_string()),
        introduced_until_ms: date(body, "introduced_until")?.map(|(_, ms)| ms),
        confirmed: boolean(body, "confirmed")?,
        rotated_from: node(body, "rotated_from")?,
        rotations: rotations::read(body)?,
        rotating: boolean(body, "rotating")?,
        last_seen: date(body, "last_seen")?.map(|(text, _)| text.to_owned()),
    })
}

/// A member that is absent or null is `None`.
fn present<'body>(body: &'body Map<String, Value>, member: &str) -> Option<&'body Value> {
    body.get(member).filter(|value| !value.is_null())
}

fn text<'body>(
    body: &'body Map<String, Value>,
    member: &'static str,
) -> Result<Option<&'body str>, BadPeer> {
    let typed =
        |value: &'body Value| value.as_str().ok_or(BadPeer::Type { member, wanted: "a text" });
    present(body, member).map(typed).transpose()
}

fn boolean(body: &Map<String, Value>, member: &'static str) -> Result<bool, BadPeer> {
    boolean_or(body, member, false)
}

fn boolean_or(
    body: &Map<String, Value>,
    member: &'static str,
    absent: bool,
) -> Result<bool, BadPeer> {
    let wrong = BadPeer::Type { member, wanted: "true or false" };
    present(body, member).map_or(Ok(absent), |value| value.as_bool().ok_or(wrong))
}

fn bandwidth(body: &Map<String, Value>) -> Result<Option<u64>, BadPeer> {
    let wanted = "a whole number of bytes a second, 1 or more, or absent for no limit";
    let wrong = BadPeer::Type { member: "bandwidth", wanted };
    let Some(value) = present(body, "bandwidth") else { return Ok(None) };
    value.as_u64().filter(|bytes| *bytes > 0).map(Some).ok_or(wrong)
}

fn texts(
    body: &Map<String, Value>,
    member: &'static str,
    most: usize,
) -> Result<Vec<String>, BadPeer> {
    let wrong = BadPeer::Type { member, wanted: "a list of texts" };
    let Some(value) = present(body, member) else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or(wrong.clone())?;
    if list.len() > most {
        return Err(BadPeer::TooMany { member, most });
    }
    list.iter().map(|one| one.as_str().map(str::to_owned).ok_or(wrong.clone())).collect()
}

fn name(id: &NodeId, name: Option<&str>) -> Result<String, BadPeer> {
    let default = PeerRecord::default_name(id);
    match name {
        None => Ok(default),
        Some(name) if name == default => Ok(default),
        Some(name) => check_name(name).map(|()| name.to_owned()),
    }
}

/// Whether a node may be called so.
///
/// # Errors
/// [`BadPeer`] with the rule that it breaks.
pub fn check_name(name: &str) -> Result<(), BadPeer> {
    if !is_plain_name(name) {
        return Err(BadPeer::Name);
    }
    if looks_like_an_id(name) || name.parse::<NodeId>().is_ok() {
        return Err(BadPeer::NameLikeId);
    }
    Ok(())
}

fn certificate(pem: Option<&str>) -> Result<Option<String>, BadPeer> {
    let Some(pem) = pem else { return Ok(None) };
    let is_one = pem.trim_start().starts_with("-----BEGIN CERTIFICATE-----")
        && pem.matches("-----BEGIN").count() == 1;
    let good = is_one && pem.len() <= LONGEST_CERTIFICATE_BYTES;
    if good { Ok(Some(pem.to_owned())) } else { Err(BadPeer::Certificate) }
}

fn trust(text: Option<&str>) -> Result<Trust, BadPeer> {
    match text {
        None => Ok(Trust::Neither),
        Some("trusted") => Ok(Trust::Trusted),
        Some("blocked") => Ok(Trust::Blocked),
        Some(_) => Err(BadPeer::Trust),
    }
}

fn introductions(text: Option<&str>) -> Result<IntroductionPolicy, BadPeer> {
    let policy = text.map_or(Some(IntroductionPolicy::default()), IntroductionPolicy::named);
    policy.ok_or(BadPeer::Introductions)
}

fn groups(body: &Map<String, Value>, member: &'static str) -> Result<Vec<String>, BadPeer> {
    let groups = texts(body, member, MOST_GROUPS)?;
    match groups.iter().find(|group| !is_group(group)) {
        Some(wrong) => Err(BadPeer::Group(wrong.clone())),
        None => Ok(groups),
    }
}

fn addresses(
    body: &Map<String, Value>,
    (member, most): (&'static str, usize),
) -> Result<Vec<String>, BadPeer> {
    let addresses = texts(body, member, most)?;
    match addresses.iter().find(|address| !is_address(address)) {
        Some(wrong) => Err(BadPeer::Address(wrong.clone())),
        None => Ok(addresses),
    }
}

fn node(body: &Map<String, Value>, member: &'static str) -> Result<Option<NodeId>, BadPeer> {
    let wrong = BadPeer::Type { member, wanted: "a node id" };
    let Some(text) = text(body, member)? else { return Ok(None) };
    NodeId::from_canonical(text).map(Some).map_err(|_| wrong)
}

fn date<'body>(
    body: &'body Map<String, Value>,
    member: &'static str,
) -> Result<Option<(&'body str, u64)>, BadPeer> {
    let Some(text) = text(body, member)? else { return Ok(None) };
    parse_rfc3339(text).map(|ms| Some((text, ms))).ok_or(BadPeer::Date(member))
}
