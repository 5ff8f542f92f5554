//! What happened to the databases of the node as a whole.

/// What happened to a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatabaseUpdateKind {
    /// It was made.
    Created,
    /// Documents in it changed.
    Updated,
    /// It was removed.
    Deleted,
}

impl DatabaseUpdateKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Created, Self::Updated, Self::Deleted];

    /// CouchDB's word for it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }
}

/// The last time that something happened to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUpdate {
    /// Grows with everything that happens.
    pub number: u64,
    /// What.
    pub kind: DatabaseUpdateKind,
    /// To which database.
    pub name: String,
}

/// Which updates are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseUpdatesRequest {
    /// Updates behind this number; descending, before it.
    pub after: u64,
    /// Most updates in the page; the implementation may send fewer, none only where there are none.
    pub limit: usize,
    /// Newest first.
    pub descending: bool,
}

/// A page of updates, in the order that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseUpdatesPage {
    /// The updates.
    pub updates: Vec<DatabaseUpdate>,
    /// The number of the newest update there is; 0 before the first.
    pub last: u64,
}
