//! The id of a node: SHA-256 of its public key, as text for machines and for people. How a key is
//! hashed is not known here.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

/// Characters of the canonical form.
const CANONICAL: usize = 52;
/// Characters of a group that people read, its check character left out.
const GROUP: usize = 13;
/// RFC 4648's alphabet.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// SHA-256 of the DER of a node's SubjectPublicKeyInfo. Its canonical text is base32 (RFC 4648, upper
/// case, no padding), 52 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 32]);

/// Why a text is no node id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNodeId {
    /// Neither 52 characters nor 56 with check characters.
    #[error("a node id has 52 characters, or 56 with its check characters, not {0}")]
    Length(usize),
    /// A character that base32 does not have.
    #[error("{0:?} does not occur in a node id: only A to Z and 2 to 7 do")]
    Character(char),
    /// A check character says that the group before it was mistyped.
    #[error("group {0} of the node id is mistyped: compare it with `refuge identity` over there")]
    Check(usize),
    /// The text is none that this program would write.
    #[error("this is no node id: its last character cannot be right")]
    Form,
}

impl NodeId {
    /// From the digest of a public key.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// Four groups of 13 characters, each with its check character behind it, joined by hyphens.
    #[must_use]
    pub fn for_people(&self) -> String {
        let text = self.to_string();
        let mut out = String::with_capacity(CANONICAL + 7);
        for group in text.as_bytes().chunks(GROUP) {
            if !out.is_empty() {
                out.push('-');
            }
            out.extend(group.iter().copied().map(char::from));
            out.push(check_character(group));
        }
        out
    }

    /// Only the canonical form, as it stands in URLs and in `_id`.
    ///
    /// # Errors
    /// [`BadNodeId`] for anything else.
    pub fn from_canonical(text: &str) -> Result<Self, BadNodeId> {
        if text.len() != CANONICAL {
            return Err(BadNodeId::Length(text.chars().count()));
        }
        if let Some(wrong) = text.chars().find(|character| !is_in_alphabet(*character)) {
            return Err(BadNodeId::Character(wrong));
        }
        let digest = BASE32_NOPAD.decode(text.as_bytes()).map_err(|_| BadNodeId::Form)?;
        digest.try_into().map(Self).map_err(|_| BadNodeId::Form)
    }
}

impl FromStr for NodeId {
    type Err = BadNodeId;

    /// Either form as a person may type it: lower case, hyphens and spaces anywhere, and the digits 0,
    /// 1 and 8 for the letters O, I and B.
    fn from_str(text: &str) -> Result<Self, BadNodeId> {
        let typed: String =
            text.chars().filter(|one| !matches!(one, '-' | ' ')).map(meant).collect();
        if let Some(wrong) = typed.chars().find(|character| !is_in_alphabet(*character)) {
            return Err(BadNodeId::Character(wrong));
        }
        if typed.len() == CANONICAL {
            return Self::from_canonical(&typed);
        }
        if typed.len() != CANONICAL + CANONICAL / GROUP {
            return Err(BadNodeId::Length(typed.len()));
        }
        let mut canonical = String::with_capacity(CANONICAL);
        for (number, group) in typed.as_bytes().chunks(GROUP + 1).enumerate() {
            let Some((&check, group)) = group.split_last() else { return Err(BadNodeId::Form) };
            if char::from(check) != check_character(group) {
                return Err(BadNodeId::Check(number + 1));
            }
            canonical.extend(group.iter().copied().map(char::from));
        }
        Self::from_canonical(&canonical)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE32_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "NodeId({self})")
    }
}

fn is_in_alphabet(character: char) -> bool {
    u8::try_from(character).is_ok_and(|byte| ALPHABET.contains(&byte))
}

fn meant(character: char) -> char {
    match character {
        '0' => 'O',
        '1' => 'I',
        '8' => 'B',
        other => other.to_ascii_uppercase(),
    }
}

/// Luhn's algorithm modulo 32, with weights from the left as Syncthing has them, so that its published
/// ids are test vectors. `group` holds only characters of the alphabet.
fn check_character(group: &[u8]) -> char {
    let alphabet = ALPHABET.len();
    let sum: usize = group
        .iter()
        .enumerate()
        .map(|(place, character)| {
            let value = ALPHABET.iter().position(|one| one == character).unwrap_or_default();
            let weighted = value * (1 + place % 2);
            weighted / alphabet + weighted % alphabet
        })
        .sum();
    let check = (alphabet - sum % alphabet) % alphabet;
    ALPHABET.get(check).copied().map_or('A', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id that Syncthing's documentation shows, its hyphens taken out.
    const PUBLISHED: &str = "P56IOI7MZJNU2YIQGDREYDM2MGTIMGL3BXNPQ6W5BMTBBZ4TJXZWICQ2";

    #[test]
    fn a_published_id_of_syncthing_is_read() {
        let id: NodeId = PUBLISHED.parse().expect("a good id");
        assert_eq!(id.for_people().replace('-', ""), PUBLISHED);
    }

    #[test]
    fn fixed_vectors_hold() {
        let zeros = NodeId::from_digest([0; 32]);
        assert_eq!(zeros.to_string(), "A".repeat(52));
        assert_eq!(
            zeros.for_people(),
            "AAAAAAAAAAAAAA-AAAAAAAAAAAAAA-AAAAAAAAAAAAAA-AAAAAAAAAAAAAA"
        );
        let counting = NodeId::from_digest(std::array::from_fn(|place| place as u8));
        let text = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQ";
        assert_eq!(counting.to_string(), text);
        assert_eq!(text.parse(), Ok(counting));
        assert_eq!(counting.for_people().parse(), Ok(counting));
    }

    #[test]
    fn people_type_as_people_type() {
        let id: NodeId = PUBLISHED.parse().expect("a good id");
        let typed = id.for_people().to_lowercase().replace('o', "0").replace('i', "1");
        assert_eq!(format!(" {} ", typed.replace('b', "8")).parse(), Ok(id));
    }

    #[test]
    fn a_wrong_or_swapped_character_is_found_in_its_group() {
        let id: NodeId = PUBLISHED.parse().expect("a good id");
        let good = id.for_people();
        let wrong = good.replacen("P5", "Q5", 1);
        assert_eq!(wrong.parse::<NodeId>(), Err(BadNodeId::Check(1)));
        let swapped = good.replacen("IQ", "QI", 1);
        assert_eq!(swapped.parse::<NodeId>(), Err(BadNodeId::Check(2)));
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!("abc".parse::<NodeId>(), Err(BadNodeId::Length(3)));
        assert_eq!("a!".parse::<NodeId>(), Err(BadNodeId::Character('!')));
        // The last character carries one bit only.
        let form = format!("{}B", "A".repeat(51));
        assert_eq!(form.parse::<NodeId>(), Err(BadNodeId::Form));
        assert!(NodeId::from_canonical(&"a".repeat(52)).is_err());
        assert!(NodeId::from_canonical(&"é".repeat(26)).is_err());
    }
}
