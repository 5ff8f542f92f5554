//! The functions of one design document, found by their path.

use crate::error::Error;
use crate::limits::Limits;
use crate::realm::{Argument, Purpose, Realm};

/// The functions of one design document, except map and reduce. They are compiled when they are
/// first called, and run with the design document as `this`.
pub struct Functions {
    pub(crate) realm: Realm,
}

impl Functions {
    /// Takes a design document as JSON text.
    ///
    /// # Errors
    /// [`Error::Argument`] when it is not a JSON object, [`Error::Language`] when it names a
    /// `language` other than `javascript`.
    pub fn open(id: &str, document: &str, limits: Limits) -> Result<Self, Error> {
        let root: serde_json::Value =
            serde_json::from_str(document).map_err(|error| Error::Argument(error.to_string()))?;
        match root.get("language").map(|language| language.as_str()) {
            None | Some(Some("javascript")) => {}
            Some(other) => return Err(Error::Language(other.unwrap_or("no language").to_owned())),
        }
        let purpose = Purpose::Functions { id: id.to_owned(), root: document.to_owned() };
        Ok(Functions { realm: Realm::open(purpose, limits)? })
    }

    /// Calls the function at a path of member names, such as `["merge"]`, with an array of arguments
    /// as JSON text, and returns what it returns as JSON (`null` for nothing).
    ///
    /// # Errors
    /// `not_found` when the design document has nothing at that path, what it throws, and limits.
    pub fn call(&mut self, path: &[&str], arguments: &str) -> Result<String, Error> {
        let path = self::path(path)?;
        self.realm.call("call", &[Argument::Text(&path), Argument::Text(arguments)])
    }

    /// The same in a world that is alike on every node and at any time: the clock stands at the beginning of
    /// 1970, the time zone is UTC, and `Math.random` gives the same numbers in each call. For functions whose
    /// answers have to agree wherever they are asked.
    ///
    /// # Errors
    /// As [`Functions::call`].
    pub fn call_in_stillness(&mut self, path: &[&str], arguments: &str) -> Result<String, Error> {
        let path = self::path(path)?;
        let arguments = [Argument::Text(&path), Argument::Text(arguments)];
        self.realm.call("call_in_stillness", &arguments)
    }

    /// What the functions logged since this was last asked, in their order.
    pub fn take_log(&mut self) -> Vec<String> {
        self.realm.journal.take()
    }
}

/// A path of member names as JSON.
pub(crate) fn path(names: &[&str]) -> Result<String, Error> {
    serde_json::to_string(names).map_err(|error| Error::Argument(error.to_string()))
}
