//! Lists: a function that asks for rows and sends pieces while it runs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rquickjs::{Ctx, Exception, Function, Object};

use crate::deadline::Deadline;
use crate::error::Error;
use crate::functions::Functions;
use crate::realm::Argument;
use crate::response::{self, ResponseHead};

/// Nobody reads the list any more: the function is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// The other side of a list. Its calls may block; the time they take does not count.
pub trait ListStream {
    /// The answer begins. Comes once, before anything else.
    ///
    /// # Errors
    /// [`Gone`] ends the function.
    fn start(&mut self, head: ResponseHead) -> Result<(), Gone>;

    /// A piece of the body, of any length up to [`crate::Limits::output_bytes`].
    ///
    /// # Errors
    /// [`Gone`] ends the function.
    fn send(&mut self, chunk: String) -> Result<(), Gone>;

    /// The next row as JSON `{"id", "key", "value", …}`, or `None` after the last.
    ///
    /// # Errors
    /// [`Gone`] ends the function.
    fn row(&mut self) -> Result<Option<String>, Gone>;
}

/// Where the stream of the list that runs is kept for the runtime's functions.
pub(crate) struct Line {
    stream: RefCell<Option<Box<dyn ListStream>>>,
    failed: RefCell<Option<Error>>,
    sent_bytes: Cell<usize>,
    call: (Duration, Duration),
    output_bytes: usize,
    deadline: Rc<Deadline>,
}

impl Line {
    pub(crate) fn new(
        call: (Duration, Duration),
        output_bytes: usize,
        deadline: Rc<Deadline>,
    ) -> Self {
        Line {
            stream: RefCell::default(),
            failed: RefCell::default(),
            sent_bytes: Cell::default(),
            call,
            output_bytes,
            deadline,
        }
    }

    /// Does something with the stream; how long that takes is not the function's time.
    fn with<T>(&self, act: impl FnOnce(&mut dyn ListStream) -> Result<T, Gone>) -> Option<T> {
        // A function that caught the end before it came gets no further.
        if self.deadline.must_end() {
            return None;
        }
        let begun = Instant::now();
        let mut stream = self.stream.borrow_mut();
        let done = match stream.as_mut() {
            Some(stream) => act(stream.as_mut()),
            None => Err(Gone),
        };
        match done {
            Ok(done) => {
                self.deadline.prolong(begun.elapsed());
                Some(done)
            }
            Err(Gone) => {
                self.deadline.stop();
                None
            }
        }
    }

    fn start(&self, head: &str) -> Option<()> {
        match response::read_head(head) {
            Ok(head) => self.with(|stream| stream.start(head)),
            Err(error) => {
                *self.failed.borrow_mut() = Some(error);
                self.deadline.stop();
                None
            }
        }
    }

    fn send(&self, chunk: String) -> Option<()> {
        let sent = self.sent_bytes.get().saturating_add(chunk.len());
        if sent > self.output_bytes {
            *self.failed.borrow_mut() = Some(Error::Output(self.output_bytes));
            self.deadline.stop();
            return None;
        }
        self.sent_bytes.set(sent);
        self.with(|stream| stream.send(chunk))
    }

    fn row(&self) -> Option<Option<String>> {
        self.sent_bytes.set(0);
        let row = self.with(|stream| stream.row())?;
        // After the last row there is no other one to get time anew for.
        if row.is_some() {
            self.deadline.begin(self.call);
        }
        Some(row)
    }
}

/// Gives the prelude `start`, `send` and `row`.
pub(crate) fn host_stream<'js>(
    ctx: &Ctx<'js>,
    host: &Object<'js>,
    line: &Rc<Line>,
) -> rquickjs::Result<()> {
    let starts = Rc::clone(line);
    let start = move |ctx: Ctx<'js>, head: String| starts.start(&head).ok_or_else(|| ended(&ctx));
    let sends = Rc::clone(line);
    let send = move |ctx: Ctx<'js>, chunk: String| sends.send(chunk).ok_or_else(|| ended(&ctx));
    let gives = Rc::clone(line);
    let row = move |ctx: Ctx<'js>| gives.row().ok_or_else(|| ended(&ctx));
    host.set("start", Function::new(ctx.clone(), start)?)?;
    host.set("send", Function::new(ctx.clone(), send)?)?;
    host.set("row", Function::new(ctx.clone(), row)?)
}

fn ended(ctx: &Ctx<'_>) -> rquickjs::Error {
    Exception::throw_message(ctx, "nobody reads the list any more")
}

impl Functions {
    /// Runs `lists.{name}` with `head` (`{"total_rows", "offset", …}`) and a request, as JSON. The
    /// function asks `stream` for rows and sends it pieces; the stream is dropped at the end.
    ///
    /// # Errors
    /// What the function throws (before the first row as a rule), limits between two rows, and
    /// [`Error::Gone`] after the stream said [`Gone`].
    pub fn list(
        &mut self,
        name: &str,
        head: &str,
        request: &str,
        stream: Box<dyn ListStream>,
    ) -> Result<(), Error> {
        let path = crate::functions::path(&["lists", name])?;
        let line = Rc::clone(&self.realm.line);
        line.sent_bytes.set(0);
        line.failed.take();
        line.stream.replace(Some(stream));
        let arguments = [Argument::Text(&path), Argument::Text(head), Argument::Text(request)];
        let done = self.realm.call("list", &arguments);
        line.stream.take();
        match line.failed.take() {
            Some(error) => Err(error),
            None => done.map(|_| ()),
        }
    }
}
