//! The map and reduce functions of one index.

use crate::error::Error;
use crate::limits::{Limits, ReduceLimit};
use crate::realm::{Purpose, Realm};

/// The sources of an index's functions. They are addressed by their place in these lists.
#[derive(Clone, Debug, Default)]
pub struct ViewSources {
    /// The design document's `views.lib` as JSON text, where it has one.
    pub library: Option<String>,
    /// The map functions.
    pub maps: Vec<String>,
    /// The reduce functions in JavaScript, not the built-in ones. Compiled when they are first used.
    pub reduces: Vec<String>,
}

/// The map and reduce functions of one index, compiled in a runtime of their own.
pub struct Views {
    pub(crate) realm: Realm,
    pub(crate) maps: usize,
    /// Documents that the map functions see one function after another, since one of them met a limit lately.
    pub(crate) apart: usize,
}

impl Views {
    /// Compiles map functions.
    ///
    /// # Errors
    /// [`Error::Compilation`] for the first map function that is none, [`Error::Argument`] when the
    /// library is not JSON, limits met while compiling.
    pub fn open(sources: ViewSources, limits: Limits) -> Result<Self, Error> {
        let root = match &sources.library {
            Some(library) => {
                serde_json::from_str::<serde_json::Value>(library)
                    .map_err(|error| Error::Argument(error.to_string()))?;
                format!("{{\"views\":{{\"lib\":{library}}}}}")
            }
            None => "{}".to_owned(),
        };
        let maps = sources.maps.len();
        let purpose = Purpose::Views { root, maps: sources.maps, reduces: sources.reduces };
        Ok(Views { realm: Realm::open(purpose, limits)?, maps, apart: 0 })
    }

    /// Whether one source compiles, as a map or reduce function or any other: what CouchDB asks
    /// before it stores a design document.
    ///
    /// # Errors
    /// [`Error::Compilation`] when it does not, limits met while compiling.
    pub fn check(source: &str, limits: Limits) -> Result<(), Error> {
        let sources = ViewSources { maps: vec![source.to_owned()], ..ViewSources::default() };
        Views::open(sources, limits).map(|_| ())
    }

    /// Says what becomes of reductions that grow with their input, from now on.
    pub fn limit_reductions(&mut self, limit: ReduceLimit) {
        self.realm.limits.reduce = limit;
    }

    /// What the functions logged since this was last asked, in their order.
    pub fn take_log(&mut self) -> Vec<String> {
        self.realm.journal.take()
    }
}
