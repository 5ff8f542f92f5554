//! Which address is tried first, and that no flood drives a good one out.

use proptest::prelude::*;

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn id(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

fn first(book: &AddressBook, now_ms: u64) -> Option<String> {
    book.of(now_ms, &id(1)).first().map(|one| one.address.clone())
}

#[test]
fn what_worked_is_tried_before_what_is_said() {
    let mut book = AddressBook::default();
    assert!(book.told(NOW_MS, id(1), ("old.example:1", AddressSource::Hub)));
    book.worked(NOW_MS, &id(1), "old.example:1");
    assert!(book.told(NOW_MS, id(1), ("new.example:1", AddressSource::LocalNetwork)));
    assert_eq!(first(&book, NOW_MS).as_deref(), Some("old.example:1"));
    for _ in 0..20 {
        book.failed(&id(1), "old.example:1");
    }
    assert_eq!(first(&book, NOW_MS).as_deref(), Some("new.example:1"));
    book.worked(NOW_MS, &id(1), "old.example:1");
    assert_eq!(first(&book, NOW_MS).as_deref(), Some("old.example:1"));
}

#[test]
fn sources_count_by_how_hard_they_lie_and_words_grow_old() {
    let mut book = AddressBook::default();
    for (address, source) in [
        ("a:1", AddressSource::Table),
        ("b:1", AddressSource::LocalNetwork),
        ("c:1", AddressSource::Hub),
        ("d:1", AddressSource::OldRecord),
    ] {
        book.told(NOW_MS, id(1), (address, source));
    }
    let order: Vec<String> = book.of(NOW_MS, &id(1)).into_iter().map(|one| one.address).collect();
    assert_eq!(order, ["b:1", "c:1", "d:1", "a:1"]);
    // The local network of two months ago is worth less than a hub's word of today.
    let later = NOW_MS + 29 * DAY_MS;
    book.told(later, id(1), ("e:1", AddressSource::Pairing));
    assert_eq!(first(&book, later).as_deref(), Some("e:1"));
}

#[test]
fn a_flood_of_words_drives_nothing_out_that_worked() {
    let mut book = AddressBook::default();
    book.told(NOW_MS, id(1), ("good.example:1", AddressSource::Hub));
    book.worked(NOW_MS, &id(1), "good.example:1");
    for number in 0..10_000 {
        let address = format!("198.51.{}.{}:1", number / 256, number % 256);
        book.told(NOW_MS + number, id(1), (&address, AddressSource::Table));
    }
    assert_eq!(book.of(NOW_MS, &id(1)).len(), MOST_OF_ONE);
    assert_eq!(first(&book, NOW_MS).as_deref(), Some("good.example:1"));
    for number in 0..20_000_u16 {
        let mut digest = [9; 32];
        digest[..2].copy_from_slice(&number.to_be_bytes());
        book.told(NOW_MS, NodeId::from_digest(digest), ("a:1", AddressSource::Table));
    }
    assert_eq!(book.0.len(), MOST_NODES);
}

#[test]
fn what_is_no_address_or_old_is_not_kept() {
    let mut book = AddressBook::default();
    assert!(!book.told(NOW_MS, id(1), ("nowhere", AddressSource::Hub)));
    assert!(!book.told(NOW_MS, id(1), ("a:0", AddressSource::Hub)));
    book.told(NOW_MS, id(1), ("a:1", AddressSource::Hub));
    book.told(NOW_MS, id(2), ("b:1", AddressSource::Hub));
    book.worked(NOW_MS + 20 * DAY_MS, &id(2), "b:1");
    book.keep(NOW_MS + 31 * DAY_MS, |_| true);
    assert!(book.of(NOW_MS, &id(1)).is_empty());
    assert_eq!(book.of(NOW_MS, &id(2)).len(), 1);
    book.keep(NOW_MS, |node| *node != id(2));
    assert!(book.of(NOW_MS, &id(2)).is_empty());
}

proptest! {
    #[test]
    fn whatever_happens_the_book_stays_small_and_in_order(
        steps in proptest::collection::vec((0..3_u8, 0..40_u8, 0..6_usize, 0..100_u64), 1..200),
    ) {
        const SOURCES: [AddressSource; 6] = [
            AddressSource::Table,
            AddressSource::OldRecord,
            AddressSource::Hub,
            AddressSource::Introduction,
            AddressSource::Pairing,
            AddressSource::LocalNetwork,
        ];
        let (mut book, mut now_ms) = (AddressBook::default(), NOW_MS);
        for (what, host, source, hours) in steps {
            now_ms += hours * HOUR_MS;
            let address = format!("host{host}:1");
            match what {
                0 => drop(book.told(now_ms, id(1), (&address, SOURCES[source]))),
                1 => book.worked(now_ms, &id(1), &address),
                _ => book.failed(&id(1), &address),
            }
            let all = book.of(now_ms, &id(1));
            prop_assert!(all.len() <= MOST_OF_ONE);
            let scores: Vec<i64> = all.iter().map(|one| one.score(now_ms)).collect();
            prop_assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
}
