//! One feed from its first row to its last sequence: catches up with the database, waits for what
//! comes, shows signs of life, and ends where it is to end. How rows look is in `row` and `framing`.

use std::sync::Arc;
use std::time::Duration;

use refuge_document::{ChangeRow, sequence_text};
use serde_json::json;

use super::FeedStart;
use super::filter::Filter;
use super::included;
use super::numbering::Numbering;
use super::parameters::Parameters;
use super::persistence::persist;
use super::remaining::count_between;
use super::row::RowWriter;
use super::scan::{Range, Rows, Scan};
use crate::failure::Failure;
use crate::feed::{FeedKind, Framing, Pace, Woken};
use crate::limits;
use crate::node::{Database, StoredBody};
use crate::shutdown::Shutdown;
use crate::stream::ReplySender;
use crate::user::User;

/// How often is looked, while what is to be walked over is looked up or asked about, whether the client has to see life.
const LOOK_UP_LOOK: Duration = Duration::from_millis(500);

/// What a feed is made of.
pub(super) struct Setting {
    /// As its reader sees it.
    pub(super) database: Arc<dyn Database>,
    /// Who reads.
    pub(super) user: Arc<User>,
    pub(super) parameters: Parameters,
    pub(super) filter: Filter,
    pub(super) shutdown: Shutdown,
    /// The highest sequence at the time of the request.
    pub(super) current: u64,
    /// Where it begins.
    pub(super) start: FeedStart,
}

/// A feed under way.
pub(super) struct Feed {
    database: Arc<dyn Database>,
    user: Arc<User>,
    parameters: Parameters,
    filter: Arc<Filter>,
    pace: Pace,
    rows: RowWriter,
    numbering: Numbering,
    framing: Framing,
    /// The opaque part of the sequences that it tells.
    opaque: String,
    /// Everything up to here has been told (descending: from here on).
    position: u64,
    /// No row beyond this is told in the walk under way.
    until: u64,
    /// Whether the walk under way goes backwards; the first one alone can.
    descending: bool,
    /// Rows told.
    told: usize,
    /// Whether the walk under way came to its end.
    finished: bool,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walked {
    /// There is nothing more at the moment.
    Everything,
    /// The limit is reached, or the node is about to stop.
    Stopped,
}

/// What comes next of a walk.
enum Next {
    Rows(Rows),
    /// There is nothing more of it.
    End,
    /// The node is about to stop.
    Stopped,
}

impl Feed {
    /// A feed at its beginning.
    pub(super) fn new(setting: Setting) -> Self {
        let Setting { database, user, parameters, filter, shutdown, current, start } = setting;
        Self {
            rows: RowWriter::new(&start.opaque, parameters.all_leaves),
            numbering: Numbering::new(parameters.sequence_interval, parameters.limit),
            framing: Framing::of(parameters.feed),
            position: start.after,
            opaque: start.opaque,
            until: current,
            descending: parameters.descending,
            told: 0,
            finished: false,
            pace: Pace::new(parameters.patience, shutdown),
            database,
            user,
            parameters,
            filter: Arc::new(filter),
        }
    }

    /// Writes the whole feed.
    pub(super) async fn run(mut self, mut sender: ReplySender) -> Result<(), Failure> {
        self.framing.open(sender.buffer());
        let mut walked = self.walk(&mut sender).await;
        if self.told == 0 && self.waits() && matches!(walked, Ok(Walked::Everything)) {
            // CouchDB's sign that the feed is open.
            sender.buffer().push(b'\n');
        }
        loop {
            match self.goes_on(walked) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => return self.fail(failure, sender).await,
            }
            self.pace.send(&mut sender).await?;
            walked = match self.wait(&mut sender).await? {
                Some(until) => {
                    self.until = until;
                    self.walk(&mut sender).await
                }
                None => Ok(Walked::Stopped),
            };
        }
        self.close(&mut sender).await
    }

    /// What a function throws when the answer has begun ends a feed that is told line by line in order, with
    /// the error as its last; whatever else fails breaks it off.
    async fn fail(self, failure: Failure, mut sender: ReplySender) -> Result<(), Failure> {
        let is_thrown = matches!(*self.filter, Filter::Function(_)) && !failure.passes();
        if !is_thrown || !sender.has_sent() || self.framing == Framing::Object {
            return Err(failure);
        }
        let (_, error) = failure.status();
        let told = json!({"error": error, "reason": failure.to_string()}).to_string();
        self.framing.error(sender.buffer(), &told);
        sender.flush().await
    }

    /// Whether there is more to wait for behind a walk. A feed that could wait ends in order where
    /// its database is gone or out of reach; an answer that promises all there is breaks off.
    fn goes_on(&self, walked: Result<Walked, Failure>) -> Result<bool, Failure> {
        match walked {
            Ok(Walked::Everything) => Ok(self.waits()),
            Ok(Walked::Stopped) => Ok(false),
            Err(Failure::NoDatabase | Failure::Unavailable(_))
                if self.parameters.feed != FeedKind::Normal =>
            {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether the feed stays open behind the rows that it has told so far.
    fn waits(&self) -> bool {
        self.parameters.feed.stays_open(self.told)
    }

    fn wanted(&self) -> usize {
        self.parameters.limit.map_or(usize::MAX, |limit| limit.saturating_sub(self.told))
    }

    fn range(&self) -> Range {
        Range {
            after: self.position,
            until: self.until,
            descending: self.descending,
            bodies: self.parameters.documents.included || self.filter.needs_bodies(),
        }
    }

    /// Tells what stands between `position` and `until`.
    async fn walk(&mut self, sender: &mut ReplySender) -> Result<Walked, Failure> {
        if self.wanted() == 0 {
            return Ok(Walked::Stopped);
        }
        self.finished = false;
        self.look_again().await?;
        let Some(mut scan) = self.scan(sender).await? else { return Ok(Walked::Stopped) };
        loop {
            let next = self.next_rows(&mut scan, sender).await?;
            if matches!(next, Next::Stopped) {
                return Ok(Walked::Stopped);
            }
            // Asked behind each page: what was read before a function hides documents was to be seen.
            if self.look_again().await? {
                scan = match self.scan(sender).await? {
                    Some(scan) if !self.descending || self.told == 0 => scan,
                    Some(_) => return Err(seen_anew()),
                    None => return Ok(Walked::Stopped),
                };
                continue;
            }
            let Next::Rows(rows) = next else { break };
            for (row, content) in rows {
                self.tell(sender, &row, content.as_ref()).await?;
                self.position = row.sequence;
                if self.wanted() == 0 {
                    return Ok(Walked::Stopped);
                }
            }
            self.pace.show_life_when_due(self.framing, sender).await?;
        }
        self.finished = true;
        if !self.descending || self.waits() {
            // What comes after a walk backwards is told forwards.
            self.position = self.until;
            self.descending = false;
        }
        Ok(Walked::Everything)
    }

    /// Looks whether the reader sees another part of the database by now than when it was looked last: functions
    /// that hide documents may have been written, or have left.
    async fn look_again(&mut self) -> Result<bool, Failure> {
        let database = &self.database;
        let ask = || Arc::clone(database).seen_by(&self.user);
        let seen = persist(database.as_ref(), ask).await?;
        let is_another = !Arc::ptr_eq(&seen, database);
        self.database = seen;
        Ok(is_another)
    }

    /// What is to be walked over; `None` where the node is about to stop. To look it up, with an index that has
    /// to follow first, may take long: the client sees life meanwhile.
    async fn scan(&mut self, sender: &mut ReplySender) -> Result<Option<Scan>, Failure> {
        let (range, wanted) = (self.range(), self.wanted());
        let scan = self.filter.scan(&self.database, range, wanted);
        tokio::pin!(scan);
        loop {
            tokio::select! {
                biased;
                () = self.told_to_stop() => return Ok(None),
                scan = &mut scan => return scan.map(Some),
                () = tokio::time::sleep(LOOK_UP_LOOK) => {
                    self.pace.show_life_when_due(self.framing, sender).await?;
                }
            }
        }
    }

    /// The next rows, of those that are looked at at a time the ones that pass. Functions may take long over them:
    /// the client sees life meanwhile.
    async fn next_rows(
        &mut self,
        scan: &mut Scan,
        sender: &mut ReplySender,
    ) -> Result<Next, Failure> {
        let wanted = self.filter.rows_at_a_time(self.wanted());
        let (database, all_leaves) = (Arc::clone(&self.database), self.parameters.all_leaves);
        let filter = Arc::clone(&self.filter);
        let rows = async {
            let Some(rows) = scan.next(wanted).await? else { return Ok(Next::End) };
            filter.let_through(database.as_ref(), all_leaves, rows).await.map(Next::Rows)
        };
        tokio::pin!(rows);
        loop {
            tokio::select! {
                biased;
                () = self.told_to_stop() => return Ok(Next::Stopped),
                rows = &mut rows => return rows,
                () = tokio::time::sleep(LOOK_UP_LOOK) => {
                    self.pace.show_life_when_due(self.framing, sender).await?;
                }
            }
        }
    }

    /// Waits for the sign that the node is about to stop. An answer that promises all there is does
    /// not heed it: it is an accepted request, and finished.
    async fn told_to_stop(&self) {
        match self.parameters.feed {
            FeedKind::Normal => std::future::pending().await,
            _ => self.pace.told_to_stop().await,
        }
    }

    /// Writes one row.
    async fn tell(
        &mut self,
        sender: &mut ReplySender,
        row: &ChangeRow,
        content: Option<&StoredBody>,
    ) -> Result<(), Failure> {
        let out = sender.buffer();
        if out.capacity() == 0 {
            out.reserve(limits::CHUNK_BYTES + limits::CHUNK_BYTES / 4);
        }
        let begin = out.len();
        self.framing.before_row(out, self.told == 0);
        let numbered = self.numbering.next_is_numbered();
        self.rows.open(out, row, numbered);
        if self.parameters.documents.included {
            out.extend_from_slice(b",\"doc\":");
            let database = self.database.as_ref();
            let shown = (self.parameters.documents, self.filter.fields());
            if let Err(failure) = included::write(sender, database, (row, content), shown).await {
                // Half a row is none: a feed that ends in order is told from the row before it.
                sender.buffer().truncate(begin);
                return Err(failure);
            }
        }
        let out = sender.buffer();
        RowWriter::close(out);
        self.framing.after_row(out, |out| match numbered {
            true => self.rows.write_id(out, row.sequence),
            false => out.extend_from_slice(b"null"),
        });
        self.told += 1;
        if out.len() >= limits::CHUNK_BYTES { self.pace.send(sender).await } else { Ok(()) }
    }

    /// Waits for a change, up to which there is something then, or for the end of all; the client sees life
    /// meanwhile. The look for what comes may take long where functions are asked about each document, and is not
    /// begun anew with each sign of life.
    async fn wait(&mut self, sender: &mut ReplySender) -> Result<Option<u64>, Failure> {
        let (position, database) = (self.position, Arc::clone(&self.database));
        let changed = persist(database.as_ref(), || async {
            database.beyond(position).await?;
            // A database made anew under the same name is not taken for this one: information is
            // of the one that was opened.
            Ok(database.outline().await?.update_sequence)
        });
        let beyond = async { changed.await.ok().filter(|sequence| *sequence > position) };
        tokio::pin!(beyond);
        loop {
            match self.pace.wait(&mut beyond).await {
                Woken::Changed(until) => return Ok(Some(until)),
                Woken::Quiet => {
                    self.framing.heartbeat(sender.buffer());
                    self.pace.send(sender).await?;
                }
                Woken::Over => return Ok(None),
            }
        }
    }

    async fn close(self, sender: &mut ReplySender) -> Result<(), Failure> {
        // A count that is not to be had is `null`; the rows and the last sequence stand without it.
        let pending = self.pending().await.ok();
        let last_sequence = sequence_text(self.position, &self.opaque);
        self.framing.close(sender.buffer(), |out| {
            out.extend_from_slice(b"\"last_seq\":\"");
            out.extend_from_slice(last_sequence.as_bytes());
            out.extend_from_slice(b"\",\"pending\":");
            match pending {
                Some(count) => out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes()),
                None => out.extend_from_slice(b"null"),
            }
        });
        sender.flush().await
    }

    /// Rows of the last walk that are left untold.
    async fn pending(&self) -> Result<u64, Failure> {
        let database = self.database.as_ref();
        match (self.descending, self.finished) {
            (_, true) => Ok(0),
            (false, false) => count_between(database, self.position, self.until).await,
            (true, false) if self.told == 0 => count_between(database, 0, self.until).await,
            (true, false) => count_between(database, 0, self.position.saturating_sub(1)).await,
        }
    }
}

/// A walk backwards cannot begin anew where it stands.
fn seen_anew() -> Failure {
    Failure::Unavailable(
        "what may be read of this database changed meanwhile; ask again from the beginning".into(),
    )
}
