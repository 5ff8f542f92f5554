//! Map functions over batches of documents.

use std::ops::Range;

use crate::error::Error;
use crate::realm::Argument;
use crate::rows;
use crate::views::Views;

/// Documents behind one on which a function met a limit that the functions see one after another. Together they
/// are quicker, but where one meets its limit again all are run again, and that takes twice as long.
const APART_DOCUMENTS: usize = 100;

/// What a batch emitted: one text with all rows, and what failed. Kept and cleared by the caller, so
/// that its memory is used again.
#[derive(Debug, Default)]
pub struct Mapped {
    text: String,
    rows: Vec<Place>,
    failures: Vec<MapFailure>,
}

#[derive(Debug)]
struct Place {
    document: usize,
    function: usize,
    key: Range<usize>,
    value: Range<usize>,
}

/// A row that a map function emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapRow<'a> {
    /// The document's place in the batch.
    pub document: usize,
    /// The map function's place in its list.
    pub function: usize,
    /// The key as JSON.
    pub key: &'a str,
    /// The value as JSON.
    pub value: &'a str,
}

/// A map function that failed with a document: it emitted nothing for it.
#[derive(Clone, Debug, PartialEq)]
pub struct MapFailure {
    /// The document's place in the batch.
    pub document: usize,
    /// The map function's place in its list.
    pub function: usize,
    /// Why. [`Error::Fatal`] asks for the index not to be built further.
    pub error: Error,
}

impl Mapped {
    /// All rows: by document, then by function, then in the order in which they were emitted.
    pub fn rows(&self) -> impl Iterator<Item = MapRow<'_>> {
        self.rows.iter().map(|place| MapRow {
            document: place.document,
            function: place.function,
            key: self.text.get(place.key.clone()).unwrap_or("null"),
            value: self.text.get(place.value.clone()).unwrap_or("null"),
        })
    }

    /// All failures: by document, then by function.
    #[must_use]
    pub fn failures(&self) -> &[MapFailure] {
        &self.failures
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
        self.failures.clear();
    }

    /// Takes one function's line of the prelude's answer.
    fn take_line(&mut self, document: usize, function: usize, line: &str) -> Result<(), Error> {
        let Some(members) = rows::members(line).filter(|members| members.len() % 2 == 0) else {
            // A function that reached into what makes JSON.
            return Err(Error::Exception {
                name: "TypeError".into(),
                reason: "what was emitted is not json".into(),
            });
        };
        let base = self.text.len();
        self.text.push_str(line);
        let moved =
            |place: &Range<usize>| place.start.saturating_add(base)..place.end.saturating_add(base);
        for pair in members.chunks_exact(2) {
            if let [key, value] = pair {
                self.rows.push(Place { document, function, key: moved(key), value: moved(value) });
            }
        }
        Ok(())
    }
}

impl Views {
    /// Maps documents, each a JSON text, by all map functions, into a cleared `mapped`. Returns how
    /// many documents were mapped: fewer than given when the rows of the batch passed
    /// [`crate::Limits::output_bytes`], or a function met a limit, which may have cost seconds; call again
    /// with the rest, once these rows are used.
    ///
    /// A function that throws or meets a limit fails for that document alone. A document that is no
    /// JSON fails for every function.
    pub fn map(&mut self, documents: &[&str], mapped: &mut Mapped) -> usize {
        mapped.clear();
        let mut done = 0;
        for (document, text) in documents.iter().enumerate() {
            self.map_one(document, text, mapped);
            done = document.saturating_add(1);
            let met_limit =
                |failure: &MapFailure| failure.document == document && failure.error.is_limit();
            if mapped.text.len() > self.realm.limits.output_bytes
                || mapped.failures.iter().rev().any(met_limit)
            {
                break;
            }
        }
        done
    }

    fn map_one(&mut self, document: usize, text: &str, mapped: &mut Mapped) {
        let all = 0..self.maps;
        if self.maps == 0 {
            return;
        }
        if self.apart > 0 {
            self.apart -= 1;
            return self.map_apart(document, text, mapped);
        }
        match self.map_by(text, &all) {
            Ok(answer) => self.take_answer(document, &all, &answer, mapped),
            Err(error) if self.maps == 1 => {
                mapped.failures.push(MapFailure { document, function: 0, error });
            }
            // One of them met a limit, and the others shall not suffer: each by itself.
            Err(_) => self.map_apart(document, text, mapped),
        }
    }

    /// Maps a document with one function after another.
    fn map_apart(&mut self, document: usize, text: &str, mapped: &mut Mapped) {
        for function in 0..self.maps {
            let one = function..function.saturating_add(1);
            match self.map_by(text, &one) {
                Ok(answer) => self.take_answer(document, &one, &answer, mapped),
                Err(error) => {
                    if self.maps > 1 && error.is_limit() {
                        self.apart = APART_DOCUMENTS;
                    }
                    mapped.failures.push(MapFailure { document, function, error });
                }
            }
        }
    }

    fn map_by(&mut self, text: &str, functions: &Range<usize>) -> Result<String, Error> {
        let arguments = [
            Argument::Text(text),
            Argument::Number(functions.start),
            Argument::Number(functions.end),
        ];
        self.realm.call("map", &arguments)
    }

    fn take_answer(
        &self,
        document: usize,
        functions: &Range<usize>,
        answer: &str,
        mapped: &mut Mapped,
    ) {
        for (function, line) in functions.clone().zip(answer.split('\n')) {
            let taken = match line.strip_prefix('!') {
                Some(error) => Err(self.realm.described(error)),
                None => mapped.take_line(document, function, line),
            };
            if let Err(error) = taken {
                mapped.failures.push(MapFailure { document, function, error });
            }
        }
    }
}
