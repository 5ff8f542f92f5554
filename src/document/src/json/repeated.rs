//! Finding members of one object that have the same name.

/// Up to so many members are compared pair by pair first; more are sorted at once.
const PAIRWISE_LIMIT: usize = 24;

/// Where a member lies in a text that is in normal form.
#[derive(Clone, Copy)]
pub(super) struct Member {
    /// Where its name begins, with the quote.
    pub(super) start: usize,
    /// Behind the closing quote of its name.
    pub(super) name_end: usize,
    /// Behind its value.
    pub(super) end: usize,
}

/// Which members are followed by one of the same name; `None` if none is, the usual case.
pub(super) fn repeated(out: &[u8], members: &[Member]) -> Option<Vec<bool>> {
    let name = |member: &Member| out.get(member.start..member.name_end).unwrap_or_default();
    if members.len() <= PAIRWISE_LIMIT {
        let mut marks = [0_u64; PAIRWISE_LIMIT];
        for (mark, member) in marks.iter_mut().zip(members) {
            *mark = fingerprint(name(member));
        }
        let marks = marks.get(..members.len()).unwrap_or_default();
        if !has_equal_pair(marks) {
            return None;
        }
    }
    let mut order: Vec<usize> = (0..members.len()).collect();
    let name_at = |index: &usize| members.get(*index).map(name).unwrap_or_default();
    order.sort_by_key(name_at);
    let mut dropped = None;
    for pair in order.windows(2) {
        if let [earlier, later] = pair
            && name_at(earlier) == name_at(later)
        {
            let dropped = dropped.get_or_insert_with(|| vec![false; members.len()]);
            if let Some(slot) = dropped.get_mut(*earlier) {
                *slot = true;
            }
        }
    }
    dropped
}

fn has_equal_pair(marks: &[u64]) -> bool {
    marks
        .iter()
        .enumerate()
        .any(|(index, mark)| marks.get(..index).unwrap_or_default().contains(mark))
}

/// A number that is equal for equal names (with their quotes) and hardly ever for others.
fn fingerprint(name: &[u8]) -> u64 {
    let length = name.len() as u64;
    match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(head), Some(tail)) => {
            u64::from_le_bytes(*head) ^ u64::from_le_bytes(*tail).rotate_left(29) ^ length << 56
        }
        _ => name.iter().fold(length, |mark, byte| mark << 8 | u64::from(*byte)),
    }
}
