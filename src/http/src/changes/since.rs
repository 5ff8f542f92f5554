//! Where a feed begins, and whether a reader that goes on from there has heard of all deletions.
//!
//! Tombstones are purged for their age where that is set. Whoever read up to a sequence below the floor
//! (the highest purged tombstone's) may hold documents whose deletion is told no more, and is refused.
//! A reader that begins at 0 after the floor was raised has to come through in pages, so the opaque part
//! of the sequences it is told holds the moment of its beginning, `<instance>.<milliseconds since 1970
//! in hexadecimal>`: no tombstone that is younger has been purged as long as the floor's is older.

use std::time::{SystemTime, UNIX_EPOCH};

use refuge_document::parse_sequence;

use crate::failure::Failure;
use crate::node::Information;

/// What stands between the instance and the moment of the beginning.
const SEPARATOR: char = '.';

/// Where the changes begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Behind this sequence. The opaque part, where one was given, tells of which incarnation of the
    /// database it was.
    Sequence {
        /// Its number.
        number: u64,
        /// Its opaque part.
        opaque: Option<String>,
    },
    /// Behind what is there already.
    Now,
}

/// The beginning of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedStart {
    /// The sequence behind which it begins.
    pub after: u64,
    /// The opaque part of the sequences that it tells.
    pub opaque: String,
}

impl FeedStart {
    /// Where a reader goes on that was told `since`.
    ///
    /// # Errors
    /// `Failure::BadRequest` where it is no sequence, `Failure::CheckpointTooOld`.
    pub fn read(since: &str, instance: &str, information: &Information) -> Result<Self, Failure> {
        Since::read(since)?.resolve(instance, information, now_ms())
    }
}

impl Since {
    pub(super) const BEGINNING: Self = Self::Sequence { number: 0, opaque: None };

    pub(super) fn read(value: &str) -> Result<Self, Failure> {
        if value == "now" {
            return Ok(Self::Now);
        }
        let bad = || "Malformed sequence supplied in 'since' parameter.".to_owned();
        let number = parse_sequence(value).map_err(|_| Failure::BadRequest(bad()))?;
        let opaque = value.trim().trim_matches('"').split_once('-').map(|(_, opaque)| opaque);
        let opaque = opaque.filter(|opaque| !opaque.is_empty() && number > 0).map(str::to_owned);
        Ok(Self::Sequence { number, opaque })
    }

    /// Where a feed of the database `instance` begins. A sequence of another incarnation says nothing
    /// about this one, so that everything is told.
    pub(super) fn resolve(
        &self,
        instance: &str,
        information: &Information,
        now_ms: u64,
    ) -> Result<FeedStart, Failure> {
        let (current, floor) = (information.update_sequence, information.tombstone_floor);
        let plain = |after: u64| FeedStart { after, opaque: instance.to_owned() };
        let (number, began) = match self {
            Self::Now => return Ok(plain(current)),
            Self::Sequence { number, opaque: None } => (*number, None),
            Self::Sequence { number, opaque: Some(opaque) } => {
                let (of, began) = match opaque.split_once(SEPARATOR) {
                    Some((of, began)) => (of, u64::from_str_radix(began, 16).ok()),
                    None => (opaque.as_str(), None),
                };
                if of == instance { (*number, began) } else { (0, None) }
            }
        };
        if number >= floor {
            return Ok(plain(number.min(current)));
        }
        let began = if number == 0 {
            // Whoever clocks wrongly may begin all the same.
            Some(now_ms.max(information.tombstone_floor_ms))
        } else {
            began
        };
        match began {
            Some(began) if began >= information.tombstone_floor_ms => {
                let opaque = format!("{instance}{SEPARATOR}{began:x}");
                Ok(FeedStart { after: number, opaque })
            }
            _ => Err(Failure::CheckpointTooOld { floor }),
        }
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn information(floor: u64, floor_ms: u64) -> Information {
        Information {
            update_sequence: 50,
            tombstone_floor: floor,
            tombstone_floor_ms: floor_ms,
            ..Information::default()
        }
    }

    fn start(since: &str, floor: u64) -> Result<(u64, String), Failure> {
        let start = Since::read(since)?.resolve("inc", &information(floor, 100), 200)?;
        Ok((start.after, start.opaque))
    }

    fn plain(after: u64) -> Result<(u64, String), Failure> {
        Ok((after, "inc".to_owned()))
    }

    #[test]
    fn since_of_another_incarnation_begins_anew() {
        for (since, after) in [
            ("12", 12),
            ("12-inc", 12),
            ("\"12-inc\"", 12),
            ("12-inc.c8", 12),
            ("12-old", 0),
            ("now", 50),
            ("99", 50),
            ("0", 0),
        ] {
            assert_eq!(start(since, 0), plain(after), "{since}");
        }
        let reason = start("x", 0).expect_err("refused").to_string();
        assert_eq!(reason, "Malformed sequence supplied in 'since' parameter.");
    }

    #[test]
    fn a_checkpoint_below_the_floor_is_too_old() {
        assert_eq!(start("20-inc", 20), plain(20));
        assert_eq!(start("now", 20), plain(50));
        let failure = start("19-inc", 20).expect_err("too old");
        assert_eq!(failure.status().1, "checkpoint_too_old");
        assert_eq!(start("19", 20), Err(Failure::CheckpointTooOld { floor: 20 }));
    }

    #[test]
    fn who_begins_anew_comes_through_in_pages() {
        let began = Ok((0, "inc.c8".to_owned()));
        assert_eq!(start("0", 20), began);
        assert_eq!(start("9-old", 20), began);
        assert_eq!(start("7-inc.c8", 20), Ok((7, "inc.c8".to_owned())));
        assert_eq!(start("21-inc.c8", 20), plain(21));
        // Begun before a tombstone was written that has been purged since.
        assert_eq!(start("7-inc.63", 20), Err(Failure::CheckpointTooOld { floor: 20 }));
    }
}
