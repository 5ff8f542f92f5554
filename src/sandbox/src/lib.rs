//! JavaScript of design documents, run by QuickJS under limits of time, memory and stack. No threads
//! and no messages here: whoever calls owns the thread.
//!
//! JSON text goes in and JSON text comes out; the functions, their arguments and the errors are those
//! of CouchDB's query server (<https://docs.couchdb.org/en/stable/query-server/protocol.html>,
//! <https://docs.couchdb.org/en/stable/ddocs/ddocs.html>).
//!
//! # Two doors
//!
//! [`Views`] holds the map and reduce functions of one index: [`Views::open`] compiles them,
//! [`Views::map`] maps a batch of documents, [`Views::reduce`] and [`Views::rereduce`] reduce groups.
//! `require` finds what is under `views.lib` there and nothing else, since nothing else is part of an
//! index's signature.
//!
//! [`Functions`] holds one design document with everything else: [`Functions::validate`],
//! [`Functions::validate_read`], [`Functions::filter`], [`Functions::filter_by_view`],
//! [`Functions::update`], [`Functions::show`], [`Functions::list`], [`Functions::rewrite`], and
//! [`Functions::call`] for any other function by its path. `require` finds every member of the design document.
//!
//! ```
//! use refuge_sandbox::{Limits, Mapped, ViewSources, Views};
//!
//! let sources = ViewSources {
//!     maps: vec!["function (doc) { emit(doc.kind, doc.price); }".into()],
//!     ..ViewSources::default()
//! };
//! let mut views = Views::open(sources, Limits::default())?;
//! let mut mapped = Mapped::default();
//! let done = views.map(&[r#"{"_id":"a","kind":"tea","price":3}"#], &mut mapped);
//! assert_eq!(done, 1);
//! let row = mapped.rows().next().unwrap();
//! assert_eq!((row.document, row.function, row.key, row.value), (0, 0, r#""tea""#, "3"));
//! # Ok::<(), refuge_sandbox::Error>(())
//! ```
//!
//! # What is shared with whom
//!
//! Each [`Views`] and each [`Functions`] has a QuickJS runtime of its own, which costs about a
//! millisecond: contexts of one runtime would share its heap and so its limit, and one that ran out
//! of memory would take the others along. So nothing of one design document is seen from another,
//! whatever it does to its globals. Neither type is `Send`: it stays on the thread that opened it.
//! That thread needs [`Limits::stack_bytes`] and 256 KiB of stack.
//!
//! # After a limit
//!
//! A call that meets its limit of time or memory is an error for that call alone. The runtime it ran
//! in is thrown away, since it may hold half of something, and the next call begins in a fresh one
//! with the same functions. Nothing has to be opened again. A function that meets its limit on every
//! document costs that limit on every document: count [`Error::is_lasting_limit`] and give such a function up.
//!
//! The time of a call is processor time of its thread, and by the clock as much or a few times as much.
//! QuickJS looks at it once in ten thousand calls and turns of loops, and some of its built-in
//! loops never do. The prelude's guards bound those and let slow built-in functions look at it
//! themselves. What is left are operators on what fills the heap, such as copying or comparing long
//! texts in a loop: a call may pass its limit by a minute in the worst case, not for ever. So whoever
//! owns the thread waits with a deadline of its own.
//!
//! # What the functions have
//!
//! The language as QuickJS has it, with `Date`, `RegExp`, `JSON`, `Map` and `Set`, which are the parts
//! that CouchDB 3.5 links in too. No promises, proxies, typed arrays, shared memory, weak references,
//! iterator helpers or modules; no I/O and no timers. What an `async` function would do later is never
//! done. `eval` and `Function` refuse, as in a CouchDB whose `couchjs` was not started with `--eval`,
//! and numbers such as `1n` do not compile. Besides: `emit`, `sum`, `log`, `toJSON`, `isArray`,
//! `require`, `provides`, `registerType`, `start`, `send`, `getRow`.

mod deadline;
mod error;
mod filter;
mod functions;
mod journal;
mod limits;
mod list;
mod map;
mod realm;
mod reduce;
mod response;
mod rewrite;
mod rows;
mod show;
mod surrogates;
mod update;
mod validate;
mod views;

/// Version of QuickJS, as rquickjs brings it.
pub const ENGINE_VERSION: &str = "0.16.2";

pub use error::Error;
pub use functions::Functions;
pub use limits::{Limits, ReduceBound, ReduceLimit};
pub use list::{Gone, ListStream};
pub use map::{MapFailure, MapRow, Mapped};
pub use reduce::ReduceRow;
pub use response::{Response, ResponseHead};
pub use rewrite::Rewrite;
pub use update::Update;
pub use validate::{Reading, Validation};
pub use views::{ViewSources, Views};
