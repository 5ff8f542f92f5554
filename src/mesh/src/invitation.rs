//! An invitation as it is handed over from person to person: who invites, where that node listens, and
//! the secret that proves the invitation. Whether it is still good is known to the inviter alone.

use std::fmt;
use std::str::FromStr;

use crate::node_id::{BadNodeId, NodeId};
use crate::peer::is_address;

const SCHEME: &str = "refuge:";
const TOKEN: &str = "?token=";
/// Characters of the whole text: what a QR code for a camera holds.
const LONGEST: usize = 1_024;
/// Addresses of one invitation: all of them are tried.
const MOST_ADDRESSES: usize = 8;
/// Characters of a token of 128 bits in base64, the least that cannot be guessed.
const SHORTEST_TOKEN: usize = 22;
/// Characters of a token; ours have 32.
const LONGEST_TOKEN: usize = 128;

/// `refuge:<id>@host:port[,host:port…]?token=…`. `Debug` shows no token.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Who invites.
    pub id: NodeId,
    /// Where it listens, `host:port`, at least one.
    pub addresses: Vec<String>,
    /// The secret.
    pub token: String,
}

/// Why a text is no invitation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadInvitation {
    /// Not of the form.
    #[error("an invitation reads refuge:<id>@host:port?token=…, as `refuge invite` prints it")]
    Form,
    /// Longer than any that is made.
    #[error("an invitation has at most {LONGEST} characters")]
    TooLong,
    /// The id is none.
    #[error("the id in the invitation is wrong: {0}")]
    Id(#[from] BadNodeId),
    /// An address is none.
    #[error("{0:?} in the invitation is no address host:port")]
    Address(String),
    /// More addresses than are tried.
    #[error("an invitation has at most {MOST_ADDRESSES} addresses")]
    TooManyAddresses,
    /// The token is none.
    #[error("the token of the invitation is not whole: copy all of it")]
    Token,
}

impl Invitation {
    /// The addresses that fit in an invitation.
    #[must_use]
    pub fn shortened(mut addresses: Vec<String>) -> Vec<String> {
        addresses.truncate(MOST_ADDRESSES);
        addresses
    }
}

impl FromStr for Invitation {
    type Err = BadInvitation;

    fn from_str(text: &str) -> Result<Self, BadInvitation> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(BadInvitation::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(BadInvitation::Form)?;
        let (id, rest) = rest.split_once('@').ok_or(BadInvitation::Form)?;
        let (addresses, token) = rest.split_once(TOKEN).ok_or(BadInvitation::Form)?;
        let addresses: Vec<String> = addresses.split(',').map(str::to_owned).collect();
        if addresses.len() > MOST_ADDRESSES {
            return Err(BadInvitation::TooManyAddresses);
        }
        if let Some(wrong) = addresses.iter().find(|address| !is_address(address)) {
            return Err(BadInvitation::Address(wrong.clone()));
        }
        if !is_token(token) {
            return Err(BadInvitation::Token);
        }
        Ok(Self { id: id.parse()?, addresses, token: token.to_owned() })
    }
}

/// Whether a text could be a token.
pub(crate) fn is_token(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&text.len()) && text.bytes().all(plain)
}

impl fmt::Display for Invitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, addresses, token } = self;
        write!(formatter, "{SCHEME}{id}@{}{TOKEN}{token}", addresses.join(","))
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = formatter.debug_struct("Invitation");
        told.field("id", &self.id).field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN_TEXT: &str = "abcdefghijklmnopqrstuvwxyz012345";

    fn invitation() -> Invitation {
        Invitation {
            id: NodeId::from_digest([7; 32]),
            addresses: vec!["10.0.0.1:6984".to_owned(), "[fe80::1%eth0]:6984".to_owned()],
            token: TOKEN_TEXT.to_owned(),
        }
    }

    #[test]
    fn an_invitation_is_read_as_it_was_written() {
        let text = invitation().to_string();
        assert_eq!(text.parse(), Ok(invitation()));
        assert_eq!(format!(" {text}\n").parse(), Ok(invitation()));
        assert!(text.starts_with("refuge:A4DQ"), "{text}");
    }

    #[test]
    fn its_secret_is_in_no_debug_text() {
        assert!(!format!("{:?}", invitation()).contains(TOKEN_TEXT));
    }

    #[test]
    fn what_is_no_invitation_says_why() {
        let text = invitation().to_string();
        let refused = |text: &str| text.parse::<Invitation>().expect_err("no invitation");
        assert_eq!(refused(""), BadInvitation::Form);
        assert_eq!(refused("http://example.org/"), BadInvitation::Form);
        assert_eq!(refused(&text.replace("?token=", "?")), BadInvitation::Form);
        assert_eq!(refused(text.split_at(text.len() - 20).0), BadInvitation::Token);
        assert_eq!(refused(&text.replace("abc", "a c")), BadInvitation::Token);
        assert!(matches!(refused(&text.replace("refuge:A", "refuge:")), BadInvitation::Id(_)));
        let nowhere = refused(&text.replace("10.0.0.1:6984", "nowhere"));
        assert_eq!(nowhere, BadInvitation::Address("nowhere".to_owned()));
        let many = text.replace('@', &format!("@{}", "a:1,".repeat(8)));
        assert_eq!(refused(&many), BadInvitation::TooManyAddresses);
        assert_eq!(refused(&"x".repeat(2_000)), BadInvitation::TooLong);
    }
}
