//! Where rows are written: into an answer, or to a function that takes them some at a time.

use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::stream::ReplySender;

/// Takes rows one by one.
pub(crate) trait RowSink: Send {
    /// Where the next row is to be written.
    fn open(&mut self) -> &mut ReplySender;

    /// The row is written.
    fn close(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Rows of an answer, between commas.
pub(crate) struct Separated<'a> {
    sender: &'a mut ReplySender,
    first: bool,
}

impl<'a> Separated<'a> {
    /// None was written yet.
    pub(crate) fn new(sender: &'a mut ReplySender) -> Self {
        Self { sender, first: true }
    }
}

impl RowSink for Separated<'_> {
    fn open(&mut self) -> &mut ReplySender {
        if !std::mem::take(&mut self.first) {
            self.sender.buffer().extend_from_slice(b",\r\n");
        }
        self.sender
    }

    async fn close(&mut self) -> Result<(), Failure> {
        self.sender.flush_when_full().await
    }
}

/// Members that end in a comma, as what a function is told before the first row.
pub(crate) fn object_of(members: &[u8]) -> String {
    let members = String::from_utf8_lossy(members);
    format!("{{{}}}", members.strip_suffix(',').unwrap_or(&members))
}

/// Most bytes of a row that a function gets: as it makes an object of it, more would be beyond its memory.
const ROW_BYTES: usize = 16 * 1024 * 1024;
/// Rows that are handed over together, and bytes of them.
const BATCH_ROWS: usize = 100;
const BATCH_BYTES: usize = 64 * 1024;

/// Rows for somebody who takes them as texts, some at a time.
pub(crate) struct Handed {
    sender: ReplySender,
    batch: Vec<String>,
    bytes: usize,
    rows: mpsc::Sender<Vec<String>>,
}

impl Handed {
    /// For whoever holds the other end.
    pub(crate) fn new(rows: mpsc::Sender<Vec<String>>) -> Self {
        Self { sender: ReplySender::keeping(ROW_BYTES), batch: Vec::new(), bytes: 0, rows }
    }

    /// Whether nobody takes rows any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.rows.is_closed()
    }

    /// Hands over what is left.
    pub(crate) async fn finish(&mut self) -> Result<(), Failure> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let handed = self.rows.send(batch).await;
        handed.map_err(|_| Failure::Internal("nobody takes rows any more".to_owned()))
    }
}

impl RowSink for Handed {
    fn open(&mut self) -> &mut ReplySender {
        &mut self.sender
    }

    async fn close(&mut self) -> Result<(), Failure> {
        self.sender.flush().await?;
        let row = String::from_utf8(std::mem::take(self.sender.buffer()));
        let row = row.map_err(|error| Failure::Internal(error.to_string()))?;
        self.bytes = self.bytes.saturating_add(row.len());
        self.batch.push(row);
        match self.batch.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            true => self.finish().await,
            false => Ok(()),
        }
    }
}
