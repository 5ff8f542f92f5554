//! New identifiers, made as CouchDB's four algorithms make them (CouchDB documentation, "config/misc",
//! `[uuids]`). Time and randomness are passed in.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use refuge_config::Uuids;

/// Bytes of a sequential identifier's prefix; three bytes of counter stand behind it.
const PREFIX_BYTES: usize = 13;
/// Where the counter is given up and a new prefix begins, as in CouchDB.
const LAST: u32 = 0xff_f000;
/// The counter grows by 1 to this number, so that one identifier does not tell the next.
const LARGEST_STEP: u32 = 0xffd;
/// Hexadecimal digits of a time in microseconds.
const TIME_DIGITS: usize = 14;

/// The maker of identifiers; it remembers where its sequence stands.
#[derive(Default)]
pub(super) struct Identifiers(Mutex<Option<Sequence>>);

/// A place in a sequence.
struct Sequence {
    prefix: [u8; PREFIX_BYTES],
    last: u32,
}

impl Identifiers {
    /// So many new identifiers, made as the settings say.
    pub(super) fn make(&self, settings: &Uuids, count: usize) -> Vec<String> {
        match settings.algorithm.as_str() {
            "random" => (0..count).map(|_| random()).collect(),
            "utc_random" => (0..count).map(|_| with_time(now_us(), &random())).collect(),
            "utc_id" => (0..count)
                .map(|number| {
                    // Within one call the time alone would give the same again.
                    let time = now_us().saturating_add(number as u64);
                    format!("{time:0TIME_DIGITS$x}{}", settings.utc_id_suffix)
                })
                .collect(),
            _ => self.sequential(count),
        }
    }

    fn sequential(&self, count: usize) -> Vec<String> {
        // Held for a moment, by requests of one node for identifiers.
        let mut sequence = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (0..count)
            .map(|_| {
                let sequence = match &mut *sequence {
                    Some(sequence) if sequence.last <= LAST => sequence,
                    ended => ended.insert(Sequence { prefix: rand::random(), last: 0 }),
                };
                sequence.last += 1 + rand::random::<u32>() % LARGEST_STEP;
                let mut text = crate::hexadecimal(&sequence.prefix);
                let _ = write!(text, "{:06x}", sequence.last);
                text
            })
            .collect()
    }
}

fn random() -> String {
    crate::hexadecimal(&rand::random::<[u8; 16]>())
}

/// The time, and the rest of something random.
fn with_time(time_us: u64, random: &str) -> String {
    format!("{time_us:0TIME_DIGITS$x}{}", random.get(TIME_DIGITS..).unwrap_or_default())
}

fn now_us() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn settings(algorithm: &str) -> Uuids {
        Uuids {
            algorithm: algorithm.to_owned(),
            utc_id_suffix: "@home".to_owned(),
            ..Uuids::default()
        }
    }

    #[test]
    fn each_algorithm_makes_different_ones_of_its_shape() {
        let identifiers = Identifiers::default();
        for algorithm in ["sequential", "random", "utc_random", "utc_id"] {
            let made = identifiers.make(&settings(algorithm), 100);
            assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), 100, "{algorithm}");
            let digits = |text: &str| text.bytes().all(|one| one.is_ascii_hexdigit());
            let fits = |text: &String| match algorithm {
                "utc_id" => {
                    text.strip_suffix("@home").is_some_and(|time| time.len() == 14 && digits(time))
                }
                _ => text.len() == 32 && digits(text),
            };
            assert!(made.iter().all(fits), "{algorithm}: {made:?}");
        }
    }

    #[test]
    fn a_sequence_grows_until_its_prefix_is_used_up() {
        let identifiers = Identifiers::default();
        let made = identifiers.make(&settings("sequential"), 20_000);
        let prefixes: BTreeSet<&str> = made.iter().filter_map(|one| one.get(..26)).collect();
        assert!((2..=4).contains(&prefixes.len()), "{}", prefixes.len());
        let ordered = made.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!(ordered >= made.len() - 1 - prefixes.len());
        assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len());
    }

    #[test]
    fn a_time_stands_in_front() {
        assert_eq!(
            with_time(0x5_a1b2, &"f".repeat(32)),
            format!("0000000005a1b2{}", "f".repeat(18))
        );
    }
}
