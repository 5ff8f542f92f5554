//! The search for a valid batch behind a bad one. The bad bytes may be any of its own, its end
//! included, so that the next batch can begin anywhere.

use std::ops::RangeInclusive;

use crate::journal::MOST_NUMBERS_BETWEEN;
use crate::journal::batch::{Found, HEAD_BYTES, could_begin, read_batch};
use crate::journal::source::Source;

/// Whether a valid batch begins at `offset` or behind it. Its number must fit that of the last
/// good one, which keeps bytes within documents from being taken for a batch.
pub(super) fn any_batch(
    source: &mut Source,
    offset: u64,
    last_sequence: Option<u64>,
) -> std::io::Result<bool> {
    let numbers = match last_sequence {
        Some(last) => last.saturating_add(1)..=last.saturating_add(MOST_NUMBERS_BETWEEN),
        None => 0..=u64::MAX,
    };
    let mut from = offset;
    while let Some(data) = source.next_data(from)? {
        // A head may begin before the data: zeros stand in it.
        from = data.saturating_sub(HEAD_BYTES as u64).max(from);
        let window = source.window_at(from)?;
        let length = window.len();
        for candidate in candidates(window, &numbers) {
            if let Found::Batch { .. } = read_batch(source, from + candidate as u64)? {
                return Ok(true);
            }
        }
        if length < HEAD_BYTES {
            return Ok(false);
        }
        // The last bytes are looked at again with those behind them.
        from += (length - (HEAD_BYTES - 1)) as u64;
    }
    Ok(false)
}

/// The places in a stretch where a batch could begin.
fn candidates(stretch: &[u8], numbers: &RangeInclusive<u64>) -> Vec<usize> {
    let heads = stretch.windows(HEAD_BYTES).enumerate();
    heads
        .filter(|(_, head)| {
            <&[u8; HEAD_BYTES]>::try_from(*head)
                .is_ok_and(|head| could_begin(head, numbers.clone()))
        })
        .map(|(place, _)| place)
        .collect()
}
