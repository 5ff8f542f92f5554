//! What the unfinished uploads of each database come to, kept by the writer, so that no step of one
//! upload reads the rows of all others. Pure: rows are read elsewhere.

use std::collections::HashMap;

use crate::database::DatabaseId;
use crate::resumable::{ResumableUpload, UploadBound, UploadBounds};

/// Databases whose totals are kept. Above it all are forgotten and read again when they are needed.
const KEPT_DATABASES: usize = 1_024;

/// The totals of one engine.
#[derive(Default)]
pub(super) struct UploadTotals(HashMap<DatabaseId, DatabaseUploads>);

impl UploadTotals {
    /// The totals of a database, where they were loaded.
    pub(super) fn of(&mut self, database: DatabaseId) -> Option<&mut DatabaseUploads> {
        self.0.get_mut(&database)
    }

    /// Keeps what was loaded.
    pub(super) fn keep(&mut self, database: DatabaseId, uploads: DatabaseUploads) {
        self.0.insert(database, uploads);
    }

    /// An upload is there no more.
    pub(super) fn forget(&mut self, database: DatabaseId, upload: &[u8; 16]) {
        if let Some(uploads) = self.0.get_mut(&database) {
            uploads.forget(upload);
        }
    }

    /// A database is there no more.
    pub(super) fn forget_database(&mut self, database: DatabaseId) {
        self.0.remove(&database);
    }

    /// Forgets all where there are too many. To be called between groups.
    pub(super) fn bound(&mut self) {
        if self.0.len() > KEPT_DATABASES {
            self.0.clear();
        }
    }
}

/// The unfinished uploads of one database: at most as many as its bounds allow, at about 100 bytes each.
#[derive(Default)]
pub(super) struct DatabaseUploads {
    each: HashMap<[u8; 16], Counted>,
    all: Total,
    of_owners: HashMap<Option<String>, Total>,
}

/// What an upload counts for: what it will have, and what its chunks have where that is more.
struct Counted {
    owner: Option<String>,
    bytes: u64,
}

/// Wide enough that no sum overflows, and nothing is lost when a part of it is taken off again.
#[derive(Clone, Copy, Default)]
struct Total {
    uploads: usize,
    bytes: u128,
}

impl Total {
    fn add(&mut self, bytes: u64) {
        self.uploads += 1;
        self.bytes += u128::from(bytes);
    }

    fn take_off(&mut self, bytes: u64) {
        self.uploads = self.uploads.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u128::from(bytes));
    }
}

impl DatabaseUploads {
    /// Counts an upload with so many bytes at least; the bound that it would go beyond, if any: it then
    /// counts as before. Bytes that it counted for before were found to be within the bounds then.
    pub(super) fn reserve(
        &mut self,
        upload: [u8; 16],
        record: &ResumableUpload,
        bytes: u64,
        bounds: &UploadBounds,
    ) -> Option<UploadBound> {
        let before = self.each.get(&upload).map(|counted| counted.bytes);
        if before.is_some_and(|before| bytes <= before) {
            return None;
        }
        let mut all = self.all;
        let mut of_owner = self.of_owners.get(&record.owner).copied().unwrap_or_default();
        for total in [&mut all, &mut of_owner] {
            if let Some(before) = before {
                total.take_off(before);
            }
            total.add(bytes);
        }
        let bound = beyond(all, of_owner, bounds);
        if bound.is_none() {
            self.count(upload, record.owner.clone(), bytes);
        }
        bound
    }

    /// Counts an upload with so many bytes, whatever it counted for before.
    pub(super) fn count(&mut self, upload: [u8; 16], owner: Option<String>, bytes: u64) {
        self.forget(&upload);
        self.all.add(bytes);
        self.of_owners.entry(owner.clone()).or_default().add(bytes);
        self.each.insert(upload, Counted { owner, bytes });
    }

    fn forget(&mut self, upload: &[u8; 16]) {
        let Some(Counted { owner, bytes }) = self.each.remove(upload) else { return };
        self.all.take_off(bytes);
        if let Some(total) = self.of_owners.get_mut(&owner) {
            total.take_off(bytes);
            if total.uploads == 0 {
                self.of_owners.remove(&owner);
            }
        }
    }
}

/// The first bound that totals are beyond.
fn beyond(all: Total, of_owner: Total, bounds: &UploadBounds) -> Option<UploadBound> {
    if of_owner.uploads > bounds.uploads_of_owner {
        Some(UploadBound::UploadsOfOwner)
    } else if all.uploads > bounds.uploads {
        Some(UploadBound::Uploads)
    } else if of_owner.bytes > u128::from(bounds.bytes_of_owner) {
        Some(UploadBound::BytesOfOwner)
    } else {
        (all.bytes > u128::from(bounds.bytes)).then_some(UploadBound::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: UploadBounds =
        UploadBounds { uploads_of_owner: 2, uploads: 3, bytes_of_owner: 100, bytes: u64::MAX };

    fn of(owner: Option<&str>) -> ResumableUpload {
        ResumableUpload { owner: owner.map(str::to_owned), ..ResumableUpload::default() }
    }

    #[test]
    fn what_leaves_makes_room_and_what_is_refused_counts_as_before() {
        let mut uploads = DatabaseUploads::default();
        let anna = of(Some("anna"));
        assert_eq!(uploads.reserve([1; 16], &anna, 60, &BOUNDS), None);
        assert_eq!(uploads.reserve([2; 16], &anna, 40, &BOUNDS), None);
        let more = uploads.reserve([2; 16], &anna, 41, &BOUNDS);
        assert_eq!(more, Some(UploadBound::BytesOfOwner));
        assert_eq!(uploads.reserve([2; 16], &anna, 3, &BOUNDS), None, "it counted for more before");
        assert_eq!(uploads.reserve([3; 16], &of(None), 100, &BOUNDS), None);
        let fourth = uploads.reserve([4; 16], &of(None), 0, &BOUNDS);
        assert_eq!(fourth, Some(UploadBound::Uploads));
        uploads.forget(&[1; 16]);
        uploads.forget(&[1; 16]);
        assert_eq!(uploads.reserve([2; 16], &anna, 100, &BOUNDS), None);
        for upload in [[2; 16], [3; 16]] {
            uploads.forget(&upload);
        }
        assert!(uploads.each.is_empty() && uploads.of_owners.is_empty());
        assert_eq!((uploads.all.uploads, uploads.all.bytes), (0, 0));
    }

    #[test]
    fn sums_beyond_every_number_are_told_apart() {
        let mut uploads = DatabaseUploads::default();
        let bounds = UploadBounds { bytes_of_owner: u64::MAX, ..BOUNDS };
        assert_eq!(uploads.reserve([1; 16], &of(None), u64::MAX, &bounds), None);
        let second = uploads.reserve([2; 16], &of(Some("bob")), 1, &bounds);
        assert_eq!(second, Some(UploadBound::Bytes));
        uploads.forget(&[1; 16]);
        assert_eq!(uploads.reserve([2; 16], &of(Some("bob")), 1, &bounds), None);
    }
}
