//! What keeps uploads from being collected before their documents are written, and who writes to those
//! that may be resumed: in memory only, since the requests that write live no longer than the process.

use std::collections::HashMap;

use crate::database::DatabaseId;

/// How long an upload is kept after its last chunk or its end: longer than a client takes to send
/// the rest of its document.
const LEASE_MS: u64 = 10 * 60 * 1000;

/// How often leases that ran out are forgotten.
const FORGET_EVERY_MS: u64 = 60 * 1000;

#[derive(Clone, Copy)]
struct ContentLease {
    /// Finished uploads of it whose documents are still to come.
    uploads: u32,
    until_ms: u64,
}

/// The leases of one engine.
#[derive(Default)]
pub(super) struct Leases {
    contents: HashMap<(DatabaseId, [u8; 32]), ContentLease>,
    uploads: HashMap<(DatabaseId, [u8; 16]), u64>,
    /// Who writes to uploads that may be resumed, and until when.
    holders: HashMap<(DatabaseId, [u8; 16]), (u64, u64)>,
    forget_at_ms: u64,
}

impl Leases {
    /// A document for this content is still to come.
    pub(super) fn hold(&mut self, database: DatabaseId, content: [u8; 32], now_ms: u64) {
        let lease = self
            .contents
            .entry((database, content))
            .or_insert(ContentLease { uploads: 0, until_ms: 0 });
        lease.uploads += 1;
        lease.until_ms = now_ms.saturating_add(LEASE_MS);
    }

    /// A document for this content was written, or none will come.
    pub(super) fn release(&mut self, database: DatabaseId, content: [u8; 32]) {
        if self.contents.is_empty() {
            return;
        }
        let key = (database, content);
        if let Some(lease) = self.contents.get_mut(&key) {
            lease.uploads -= 1;
            if lease.uploads == 0 {
                self.contents.remove(&key);
            }
        }
    }

    pub(super) fn holds(&self, database: DatabaseId, content: [u8; 32], now_ms: u64) -> bool {
        self.contents.get(&(database, content)).is_some_and(|lease| now_ms < lease.until_ms)
    }

    /// A chunk of an upload came; answers whether the upload was known to be open.
    pub(super) fn touch(&mut self, database: DatabaseId, upload: [u8; 16], now_ms: u64) -> bool {
        let until = now_ms.saturating_add(LEASE_MS);
        self.uploads.insert((database, upload), until).is_some()
    }

    /// Until when an open upload is kept, `None` where nothing is known of it.
    pub(super) fn open_until(&self, database: DatabaseId, upload: [u8; 16]) -> Option<u64> {
        self.uploads.get(&(database, upload)).copied()
    }

    /// An upload has an address, or was given up; answers whether it was known to be open.
    pub(super) fn end(&mut self, database: DatabaseId, upload: [u8; 16]) -> bool {
        self.uploads.remove(&(database, upload)).is_some()
    }

    /// Lets one holder write to an upload that may be resumed; answers whether it may.
    pub(super) fn hold_upload(
        &mut self,
        database: DatabaseId,
        upload: [u8; 16],
        holder: u64,
        now_ms: u64,
    ) -> bool {
        let held = self.holders.get(&(database, upload));
        if held.is_some_and(|(other, until_ms)| *other != holder && now_ms < *until_ms) {
            return false;
        }
        let until_ms = now_ms.saturating_add(LEASE_MS);
        self.holders.insert((database, upload), (holder, until_ms));
        true
    }

    /// Goes on with an upload that may be resumed; answers whether this is its holder.
    pub(super) fn keep_upload(
        &mut self,
        database: DatabaseId,
        upload: [u8; 16],
        holder: u64,
        now_ms: u64,
    ) -> bool {
        let known = self.holders.get(&(database, upload));
        known.is_some_and(|(known, _)| *known == holder)
            && self.hold_upload(database, upload, holder, now_ms)
    }

    /// A holder lets go of an upload that may be resumed; `None` for whoever it is.
    pub(super) fn release_upload(
        &mut self,
        database: DatabaseId,
        upload: [u8; 16],
        holder: Option<u64>,
    ) {
        let known = self.holders.get(&(database, upload));
        if known.is_some_and(|(known, _)| holder.is_none_or(|holder| holder == *known)) {
            self.holders.remove(&(database, upload));
        }
    }

    /// Whether somebody writes to an upload that may be resumed.
    pub(super) fn is_held(&self, database: DatabaseId, upload: [u8; 16], now_ms: u64) -> bool {
        self.holders.get(&(database, upload)).is_some_and(|(_, until_ms)| now_ms < *until_ms)
    }

    /// Forgets the leases of contents that ran out. Those of open uploads stay until the collector
    /// has given them up.
    pub(super) fn forget(&mut self, now_ms: u64) {
        if now_ms >= self.forget_at_ms {
            self.contents.retain(|_, lease| now_ms < lease.until_ms);
            self.holders.retain(|_, (_, until_ms)| now_ms < *until_ms);
            self.forget_at_ms = now_ms.saturating_add(FORGET_EVERY_MS);
        }
    }
}
