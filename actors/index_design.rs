//! The views of a design document, ready to be built: where each function is run, and what an index made of
//! them is called. What a design document may say is told in `refuge-query`.

use std::sync::Arc;

use refuge_document::Body;
use refuge_http::Failure;
use refuge_query::collation::{Collation, NoCollation};
use refuge_query::design::{DesignError, Language, ViewDesign};
use refuge_query::mango::{Index, KeyMaker, MangoError};
use refuge_query::view::RowMaker;
use refuge_sandbox::ViewSources;
use refuge_storage::{DatabaseId, IndexDefinition};
use serde_json::{Map, Value};

use crate::index_directory::IndexedDatabase;
use crate::javascript::SourceKey;
use crate::shard::readers::Principals;
use crate::view_tree::ReduceFunction;

/// The views of one version of a design document.
#[derive(Clone)]
pub struct IndexDesign {
    /// Id of the design document.
    pub id: String,
    /// Its views.
    pub views: ViewDesign,
    /// For each map function its reduce functions.
    pub(crate) reduces: Vec<Vec<ReduceFunction>>,
    /// The declarative indexes, where its language is that of Mango.
    pub indexes: Vec<Index>,
    /// For each map function the declarative index that it is, where it is one.
    pub declared: Vec<Option<KeyMaker>>,
    /// The functions in JavaScript.
    pub sources: Arc<ViewSources>,
    /// Whose index it is, where it is one of a reader's own.
    pub(crate) reader: Option<IndexReader>,
}

/// Somebody who has an index of what this somebody sees.
#[derive(Clone)]
pub(crate) struct IndexReader {
    /// The user's name and roles.
    pub(crate) principals: Principals,
    /// The signature of the functions, whoever reads.
    pub(crate) functions: [u8; 16],
}

impl IndexDesign {
    /// Reads a design document of a database that is partitioned or not.
    pub fn parse(id: &str, body: &Body, partitioned_database: bool) -> Result<Self, Failure> {
        let design: Map<String, Value> = serde_json::from_slice(body.as_bytes())
            .map_err(|error| Failure::Internal(format!("{id} cannot be read: {error}")))?;
        let views = ViewDesign::parse(&design, partitioned_database)
            .map_err(|error| design_failure(&error))?;
        let mut sources = ViewSources { library: views.library.clone(), ..ViewSources::default() };
        if views.language == Language::JavaScript {
            sources.maps = views.maps.iter().map(|map| map.source.clone()).collect();
        }
        let mut reduces = Vec::with_capacity(views.maps.len());
        for map in &views.maps {
            let functions = map.reduces.iter().map(|reduce| match reduce.trim() {
                name if name.starts_with('_') => ReduceFunction::Builtin(name.to_owned()),
                source => {
                    sources.reduces.push(source.to_owned());
                    ReduceFunction::Script(sources.reduces.len() - 1)
                }
            });
            reduces.push(functions.collect());
        }
        let design = Value::Object(design);
        let indexes = Index::from_design_document(id, &design, partitioned_database);
        let declared = declared(&views, &indexes)?;
        let sources = Arc::new(sources);
        let reader = None;
        Ok(Self { id: id.to_owned(), views, reduces, indexes, declared, sources, reader })
    }

    /// The same for somebody's own index of what somebody with these names and roles sees.
    pub(crate) fn read_by(&self, principals: &Principals) -> Self {
        let functions = self.views.signature;
        let mut design = self.clone();
        design.views.signature = self.views.signature_for(principals);
        design.reader = Some(IndexReader { principals: Arc::clone(principals), functions });
        design
    }

    /// Whether JavaScript reduces.
    pub fn has_scripted_reduces(&self) -> bool {
        !self.sources.reduces.is_empty()
    }

    /// What its JavaScript is kept open under.
    pub fn source_key(&self, database: DatabaseId) -> SourceKey {
        let functions = self.reader.as_ref().map_or(self.views.signature, |one| one.functions);
        SourceKey { database: database.0, version: crate::hexadecimal(&functions) }
    }

    /// What tells with which tables its keys are compared.
    pub fn collation(&self) -> String {
        let mut all: Vec<&str> =
            self.views.maps.iter().map(|map| map.collation.version()).collect();
        all.sort_unstable();
        all.dedup();
        if all.is_empty() { Collation::Unicode.version().to_owned() } else { all.join(", ") }
    }

    /// A new index of it.
    pub fn definition(&self, database: &IndexedDatabase) -> IndexDefinition {
        IndexDefinition {
            database: database.id,
            instance: database.instance,
            signature: self.views.signature,
            collation: self.collation(),
            seed: rand::random(),
            views: u16::try_from(self.views.maps.len()).unwrap_or(u16::MAX),
            made_ms: crate::now_ms(),
        }
    }

    /// Whether an index tells of this making of its database, with keys that compare as they do now.
    pub fn is_of(&self, instance: [u8; 16], index: &IndexDefinition) -> bool {
        index.instance == instance && index.collation == self.collation()
    }

    /// What makes the rows of each map function.
    pub fn row_makers(&self, seed: u64) -> Result<Vec<RowMaker>, Failure> {
        let by_partition = self.views.partitioned;
        let makers = self.views.maps.iter().map(|map| {
            let maker = RowMaker::new(map.collation, seed)?;
            Ok::<_, NoCollation>(if by_partition { maker.by_partition() } else { maker })
        });
        makers.collect::<Result<_, _>>().map_err(|error| Failure::Internal(error.to_string()))
    }
}

/// What makes the keys of each declarative index.
fn declared(views: &ViewDesign, indexes: &[Index]) -> Result<Vec<Option<KeyMaker>>, Failure> {
    let made = (0..views.maps.len()).map(|map| {
        let name = views.views.iter().find(|view| view.map == map).map(|view| &view.name);
        let index = indexes.iter().find(|index| Some(&index.name) == name);
        index.map(KeyMaker::new).transpose()
    });
    Ok(made.collect::<Result<_, MangoError>>()?)
}

fn design_failure(error: &DesignError) -> Failure {
    match error {
        DesignError::Language(name) => Failure::Function {
            status: 500,
            error: "unknown_query_language".to_owned(),
            reason: name.clone(),
        },
        DesignError::Member(_) | DesignError::TooMany(_) => {
            Failure::Invalid { error: "invalid_design_doc", reason: error.to_string() }
        }
    }
}
