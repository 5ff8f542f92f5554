//! The forms of names, groups and addresses. Whether a name is free is not known here.

use std::net::Ipv6Addr;

use super::{DEFAULT_NAME, LONGEST_NAME};

/// Characters of a group's name.
const LONGEST_GROUP: usize = 64;
/// Characters of a host's name (RFC 1035).
const LONGEST_HOST: usize = 253;

/// Whether a group may be called so: `^[a-z0-9_-]{1,64}$`.
#[must_use]
pub fn is_group(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    (1..=LONGEST_GROUP).contains(&text.len()) && text.bytes().all(plain)
}

/// 1 to 64 characters that a terminal shows as they are, no space at either end, and nothing that a
/// selector would take for something else. Names that look like ids are refused elsewhere.
pub(crate) fn is_plain_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LONGEST_NAME).contains(&length)
        && text.trim() == text
        && !text.chars().any(is_hidden)
        && text != "*"
        && !text.starts_with("group:")
}

/// What a stranger calls itself, made fit to be shown: hidden characters are taken out, the rest is cut.
pub(crate) fn clean_name(text: &str) -> String {
    shown_text(text, LONGEST_NAME).trim().to_owned()
}

/// What another node says, made fit for a terminal and a log: hidden characters are taken out, the rest is
/// cut to `most` characters.
#[must_use]
pub fn shown_text(text: &str, most: usize) -> String {
    text.chars().filter(|one| !is_hidden(*one)).take(most).collect()
}

/// Control characters, and those that turn or hide the text around them.
fn is_hidden(character: char) -> bool {
    let turns = matches!(character,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    character.is_control() || turns
}

/// Whether it could be taken for the beginning of an id, as a missing name is filled in.
pub(crate) fn looks_like_an_id(text: &str) -> bool {
    let base32 = |byte: u8| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte);
    text.len() == DEFAULT_NAME && text.bytes().all(base32)
}

/// `host:port` with a host's name, an IPv4 address or an IPv6 address in brackets.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0);
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    is_port && bracketed.map_or_else(|| is_host(host), is_ipv6)
}

/// An address, perhaps with the zone that a link-local one needs.
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    address.parse::<Ipv6Addr>().is_ok() && (1..=15).contains(&zone.len()) && zone.bytes().all(plain)
}

fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    text.len() <= LONGEST_HOST && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label)
}
