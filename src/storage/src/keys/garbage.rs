//! Places in the queue `garbage`, which is ordered by time.

use crate::database::DatabaseId;

/// What may have to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Waste {
    /// The body that was written at this sequence: its revision is no leaf any more.
    Body(u64),
    /// A content that perhaps nothing refers to, by its address.
    Content([u8; 32]),
    /// An upload that perhaps nobody finishes.
    Upload([u8; 16]),
}

const BODY_TAG: u8 = 1;
const CONTENT_WASTE_TAG: u8 = 2;
const UPLOAD_WASTE_TAG: u8 = 3;

/// A row's place in the queue `garbage`: since when (milliseconds since 1970), database, and
/// what.
pub(crate) fn garbage_key(since_unix_ms: u64, database: DatabaseId, waste: &Waste) -> Vec<u8> {
    let mut key = Vec::with_capacity(13 + 32);
    key.extend_from_slice(&since_unix_ms.to_be_bytes());
    key.extend_from_slice(&database.0.to_be_bytes());
    match waste {
        Waste::Body(sequence) => {
            key.push(BODY_TAG);
            key.extend_from_slice(&sequence.to_be_bytes());
        }
        Waste::Content(content) => {
            key.push(CONTENT_WASTE_TAG);
            key.extend_from_slice(content);
        }
        Waste::Upload(upload) => {
            key.push(UPLOAD_WASTE_TAG);
            key.extend_from_slice(upload);
        }
    }
    key
}

/// What stands at a place of the queue `garbage`; `None` for a mark.
pub(crate) fn garbage_of(key: &[u8]) -> Option<(u64, DatabaseId, Waste)> {
    let (since, rest) = key.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (&tag, rest) = rest.split_first()?;
    let waste = match tag {
        BODY_TAG => Waste::Body(u64::from_be_bytes(rest.try_into().ok()?)),
        CONTENT_WASTE_TAG => Waste::Content(rest.try_into().ok()?),
        UPLOAD_WASTE_TAG => Waste::Upload(rest.try_into().ok()?),
        _ => return None,
    };
    Some((u64::from_be_bytes(*since), DatabaseId(u32::from_be_bytes(*number)), waste))
}
