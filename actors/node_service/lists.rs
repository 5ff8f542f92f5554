//! Lists of design documents: the function's side of the rows that come and the pieces that go. Its thread
//! stands still while it waits for either, up to a deadline.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use refuge_http::{Failure, ListCall, ListPiece};
use refuge_sandbox::{Error, Functions, Gone, ListStream, ResponseHead};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::database::OpenDatabase;
use super::functions::{answer, told};
use crate::designs::DesignReader;
use crate::javascript::JavaScript;
use crate::{names, published};

/// Bytes that are handed on together, where rows do not have to be waited for.
const PIECE_BYTES: usize = 16 * 1024;

/// Begins to run a list.
pub(super) async fn list(database: &OpenDatabase, call: ListCall) -> Result<(), Failure> {
    let reader = published::<DesignReader>(&database.names, names::DESIGNS).await?;
    let (_, design) = reader.source(database.id(), &call.design).await?;
    let javascript = published::<JavaScript>(&database.names, names::JAVASCRIPT).await?;
    let (runtime, name) = (Handle::current(), database.record.name.clone());
    let job = move |functions: Result<&mut Functions, Error>| run(functions, call, &runtime, &name);
    javascript.begin_alone(design, job).await
}

fn run(functions: Result<&mut Functions, Error>, call: ListCall, runtime: &Handle, database: &str) {
    let ListCall { design, function, head, request, rows, pieces, patience } = call;
    let ends = Rc::new(RefCell::new(Ends {
        runtime: runtime.clone(),
        patience,
        rows,
        batch: Vec::new().into_iter(),
        text: String::new(),
        pieces,
    }));
    let done = functions.and_then(|functions| {
        let stream = Box::new(Shared(Rc::clone(&ends)));
        let done = functions.list(&function, &head, &request, stream);
        for line in functions.take_log() {
            tracing::info!(database, design, "log: {line}");
        }
        done
    });
    let mut ends = ends.borrow_mut();
    let last = match done {
        Ok(()) => ends.flush().map(|()| ListPiece::End),
        Err(Error::Gone) => Err(Gone),
        Err(Error::Http(response)) => Ok(ListPiece::Answer(answer(*response))),
        Err(error) => Ok(ListPiece::Failed(told(&error))),
    };
    // Without a last piece whoever still reads hears that there is none.
    if let Ok(last) = last {
        let _ = ends.give(last);
    }
}

/// Both ends of a list, as its thread has them.
struct Ends {
    runtime: Handle,
    patience: Duration,
    rows: mpsc::Receiver<Vec<String>>,
    batch: std::vec::IntoIter<String>,
    text: String,
    pieces: mpsc::Sender<ListPiece>,
}

impl Ends {
    /// Hands a piece on, once there is room for it.
    fn give(&mut self, piece: ListPiece) -> Result<(), Gone> {
        let sent = self.pieces.send(piece);
        let sent = async { tokio::time::timeout(self.patience, sent).await };
        match self.runtime.block_on(sent) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        match self.text.is_empty() {
            true => Ok(()),
            false => {
                let text = std::mem::take(&mut self.text);
                self.give(ListPiece::Text(text))
            }
        }
    }

    /// The next rows; what was sent goes out before they are waited for.
    fn next_batch(&mut self) -> Result<Option<Vec<String>>, Gone> {
        match self.rows.try_recv() {
            Ok(batch) => return Ok(Some(batch)),
            Err(mpsc::error::TryRecvError::Disconnected) => return Ok(None),
            Err(mpsc::error::TryRecvError::Empty) => {}
        }
        self.flush()?;
        let (rows, patience) = (&mut self.rows, self.patience);
        let batch = async { tokio::time::timeout(patience, rows.recv()).await };
        self.runtime.block_on(batch).map_err(|_| Gone)
    }
}

/// The same for the sandbox, which drops it when the function has ended.
struct Shared(Rc<RefCell<Ends>>);

impl ListStream for Shared {
    fn start(&mut self, head: ResponseHead) -> Result<(), Gone> {
        self.0.borrow_mut().give(ListPiece::Head(head.code, head.headers))
    }

    fn send(&mut self, chunk: String) -> Result<(), Gone> {
        let mut ends = self.0.borrow_mut();
        ends.text.push_str(&chunk);
        if ends.text.len() < PIECE_BYTES { Ok(()) } else { ends.flush() }
    }

    fn row(&mut self) -> Result<Option<String>, Gone> {
        let mut ends = self.0.borrow_mut();
        if ends.pieces.is_closed() {
            return Err(Gone);
        }
        if let Some(row) = ends.batch.next() {
            return Ok(Some(row));
        }
        while let Some(batch) = ends.next_batch()? {
            ends.batch = batch.into_iter();
            if let Some(row) = ends.batch.next() {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}
