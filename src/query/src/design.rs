//! What the views of a design document are made of, and what tells one index from another. How JavaScript
//! is run, and what a declarative index makes of a document, is not decided here.

mod members;
#[cfg(test)]
mod tests;

use data_encoding::HEXLOWER;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::collation::Collation;

pub use members::check_members;

/// Changes whenever the same functions would make other rows or other records.
const FORMAT: u8 = 1;

/// Views that one design document may have.
const MOST_VIEWS: usize = 1_000;

/// In what the functions of a design document are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Functions.
    JavaScript,
    /// Declarative indexes, as `_index` makes them.
    Query,
}

impl Language {
    /// As it stands in a design document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::JavaScript => "javascript",
            Self::Query => "query",
        }
    }
}

/// A view's name, and where its rows and its reduction are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedView {
    /// Its name.
    pub name: String,
    /// The number of its map function.
    pub map: usize,
    /// The number of its reduce function among those of its map function.
    pub reduce: Option<usize>,
}

/// A map function with the reduce functions over its rows. Views with the same map function share their
/// rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapFunction {
    /// A function's source, or the JSON of a declarative index.
    pub source: String,
    /// How keys are compared.
    pub collation: Collation,
    /// Reduce functions, each once: names of built-in ones, or sources.
    pub reduces: Vec<String>,
}

/// The views of a design document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewDesign {
    /// Names the functions and their options: equal ones share an index.
    pub signature: [u8; 16],
    /// In what the functions are written.
    pub language: Language,
    /// The modules that map functions may require, as JSON.
    pub library: Option<String>,
    /// Map functions, each once.
    pub maps: Vec<MapFunction>,
    /// The views by name.
    pub views: Vec<NamedView>,
    /// Whether documents carry `_local_seq` when they are mapped.
    pub local_sequence: bool,
    /// Whether design documents are mapped too.
    pub design_documents: bool,
    /// Whether its index is built after writes though nobody asks for it: `autoupdate`, which is no part of
    /// the signature.
    pub built_after_writes: bool,
    /// Whether readers who do not see all documents have indexes of their own of it (`options.access`), which is
    /// no part of the signature either.
    pub by_reader: bool,
    /// Whether its rows stand by partition: what `options.partitioned` says, else as the database is.
    pub partitioned: bool,
}

/// Why the views of a design document cannot be used. The texts are CouchDB's where it has them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DesignError {
    /// In a language that is not run here.
    #[error("{0}")]
    Language(String),
    /// A member is not what it has to be.
    #[error("{0}")]
    Member(String),
    /// Too many views.
    #[error("the design document has {0} views, of which {MOST_VIEWS} are allowed: use several")]
    TooMany(usize),
}

impl ViewDesign {
    /// Reads the views of a design document; in a database that is not partitioned none are.
    ///
    /// # Errors
    /// [`DesignError`].
    pub fn parse(
        design: &Map<String, Value>,
        partitioned_database: bool,
    ) -> Result<Self, DesignError> {
        let language = language(design)?;
        let views = match design.get("views") {
            None => &Map::new(),
            Some(Value::Object(views)) => views,
            Some(_) => return Err(member("`views` field must be an object.")),
        };
        if views.len() > MOST_VIEWS {
            return Err(DesignError::TooMany(views.len()));
        }
        let options = design.get("options");
        let option = |name: &str| options.and_then(|options| options.get(name)?.as_bool());
        let mut found = Self {
            signature: [0; 16],
            language,
            library: views.get("lib").map(Value::to_string),
            maps: Vec::new(),
            views: Vec::new(),
            local_sequence: option("local_seq").unwrap_or(false),
            design_documents: option("include_design").unwrap_or(false),
            by_reader: option("access").unwrap_or(false),
            built_after_writes: design.get("autoupdate") != Some(&Value::Bool(false)),
            partitioned: partitioned_database && option("partitioned").unwrap_or(true),
        };
        for (name, view) in views {
            if name != "lib" || view.get("map").is_some() {
                found.add(name, view)?;
            }
        }
        found.signature = found.sign();
        Ok(found)
    }

    /// The view of a name.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&NamedView> {
        self.views.iter().find(|view| view.name == name)
    }

    /// The signature as text.
    #[must_use]
    pub fn signature_text(&self) -> String {
        HEXLOWER.encode(&self.signature)
    }

    /// Names the functions together with the names and roles of whoever reads, ascending and each once.
    #[must_use]
    pub fn signature_for(&self, principals: &[String]) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(b"reader");
        hash.update(self.signature);
        for principal in principals {
            hash.update((principal.len() as u64).to_be_bytes());
            hash.update(principal);
        }
        beginning(hash)
    }

    fn add(&mut self, name: &str, view: &Value) -> Result<(), DesignError> {
        let Some(view) = view.as_object() else {
            return Err(member(format!("View {name} must be an object.")));
        };
        let source = match (view.get("map"), self.language) {
            (Some(Value::String(source)), Language::JavaScript) => source.clone(),
            (Some(definition @ Value::Object(_)), Language::Query) => definition.to_string(),
            (None, _) => return Ok(()),
            (Some(_), Language::JavaScript) => {
                return Err(member(format!("`map` in {name} must be a string.")));
            }
            (Some(_), Language::Query) => {
                return Err(member(format!("`map` in {name} must be an object.")));
            }
        };
        let reduce = match view.get("reduce") {
            Some(Value::String(reduce)) if !reduce.trim().is_empty() => Some(reduce.clone()),
            None | Some(Value::Null | Value::String(_)) => None,
            Some(_) => return Err(member(format!("`reduce` in {name} must be a string."))),
        };
        let collation = match view.get("options").and_then(|options| options.get("collation")) {
            Some(Value::String(text)) if text == "raw" => Collation::Raw,
            _ => Collation::Unicode,
        };
        let map = place(&mut self.maps, |one| one.source == source && one.collation == collation)
            .unwrap_or_else(|maps| {
                maps.push(MapFunction { source, collation, reduces: Vec::new() });
                maps.len() - 1
            });
        let reduce = reduce.zip(self.maps.get_mut(map)).map(|(reduce, map)| {
            place(&mut map.reduces, |one| *one == reduce).unwrap_or_else(|reduces| {
                reduces.push(reduce);
                reduces.len() - 1
            })
        });
        self.views.push(NamedView { name: name.to_owned(), map, reduce });
        Ok(())
    }

    /// Names everything that the rows depend on, and nothing else: names of views are not in it.
    fn sign(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        let mut put = |text: &[u8]| {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        };
        put(&[
            FORMAT,
            self.language as u8,
            u8::from(self.local_sequence),
            u8::from(self.design_documents),
        ]);
        if self.partitioned {
            put(b"partitioned");
        }
        put(self.library.as_deref().unwrap_or_default().as_bytes());
        for map in &self.maps {
            put(map.source.as_bytes());
            put(map.collation.version().as_bytes());
            put(&(map.reduces.len() as u64).to_be_bytes());
            for reduce in &map.reduces {
                put(reduce.as_bytes());
            }
        }
        beginning(hash)
    }
}

/// The first half of what was hashed.
fn beginning(hash: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = hash.finalize().into();
    let mut signature = [0; 16];
    signature.copy_from_slice(digest.split_at(16).0);
    signature
}

/// The place of the one that is looked for, or the list to put it into.
fn place<T>(list: &mut Vec<T>, wanted: impl Fn(&T) -> bool) -> Result<usize, &mut Vec<T>> {
    match list.iter().position(wanted) {
        Some(place) => Ok(place),
        None => Err(list),
    }
}

fn language(design: &Map<String, Value>) -> Result<Language, DesignError> {
    match design.get("language") {
        None => Ok(Language::JavaScript),
        Some(Value::String(name)) if name == "javascript" => Ok(Language::JavaScript),
        Some(Value::String(name)) if name == "query" => Ok(Language::Query),
        Some(Value::String(name)) => Err(DesignError::Language(name.clone())),
        Some(_) => Err(member("`language` must be a string")),
    }
}

fn member(reason: impl Into<String>) -> DesignError {
    DesignError::Member(reason.into())
}
