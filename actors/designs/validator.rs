//! What a design document has to say to writes: a function, or a declared selector. Asking it is the node
//! service's.

use std::sync::Arc;

use refuge_query::validation::DeclaredValidation;
use serde_json::{Map, Value};

use super::reader::DesignSource;

/// The member of a design document that is asked about every write.
pub(super) const MEMBER: &str = "validate_doc_update";

/// A design document that is asked about every write.
#[derive(Clone)]
pub(crate) enum Validator {
    /// By its function.
    Function(DesignSource),
    /// By its selector.
    Declared {
        /// Id of the design document.
        design: String,
        /// The selector, or why it is none: it was stored where nobody checked it.
        selector: Arc<Result<DeclaredValidation, String>>,
    },
}

/// What a design document declares, before its source is made.
pub(super) enum Declared {
    Function,
    Selector(Box<Result<DeclaredValidation, String>>),
}

impl Validator {
    pub(super) fn new(declared: Declared, source: &DesignSource) -> Self {
        match declared {
            Declared::Function => Self::Function(source.clone()),
            Declared::Selector(selector) => {
                Self::Declared { design: source.1.id.clone(), selector: Arc::from(selector) }
            }
        }
    }

    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        /// A selector's conditions are bounded in number, and mostly few.
        const SELECTOR_BYTES: usize = 4 << 10;
        match self {
            Self::Function((_, design)) => design.text.len(),
            Self::Declared { design, .. } => design.len() + SELECTOR_BYTES,
        }
    }
}

/// What a design document asks of writes, not what merely bears the member's name somewhere. A member that can
/// be neither function nor selector is stored from before types were checked: it asks nothing.
pub(super) fn declared(id: &str, design: &Map<String, Value>) -> Option<Declared> {
    let is_declaration = design.get("language").and_then(Value::as_str) == Some("query");
    match design.get(MEMBER)? {
        Value::Null => None,
        Value::String(_) => Some(Declared::Function),
        declaration @ Value::Object(_) if is_declaration => {
            let selector =
                DeclaredValidation::parse(declaration).map_err(|error| error.to_string());
            Some(Declared::Selector(Box::new(selector)))
        }
        _ => {
            tracing::warn!(design = id, "validate_doc_update is no function: it is not asked");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(design: &str) -> Option<Declared> {
        let design = serde_json::from_str(design).expect("an object");
        declared("_design/x", &design)
    }

    #[test]
    fn the_member_counts_wherever_else_its_name_stands() {
        let function = asked(r#"{"validate_doc_update":"function(){}"}"#);
        assert!(matches!(function, Some(Declared::Function)));
        assert!(asked(r#"{"lib":{"validate_doc_update":"x"}}"#).is_none());
        assert!(asked(r#"{"validate_doc_update":null}"#).is_none());
        assert!(asked(r#"{"views":{}}"#).is_none());
    }

    #[test]
    fn what_is_neither_function_nor_selector_asks_nothing() {
        assert!(asked(r#"{"validate_doc_update":1}"#).is_none());
        assert!(asked(r#"{"validate_doc_update":{"newDoc":{}}}"#).is_none());
        let declared = asked(r#"{"language":"query","validate_doc_update":{"newDoc":{}}}"#);
        assert!(matches!(declared, Some(Declared::Selector(selector)) if selector.is_ok()));
        let wrong = asked(r#"{"language":"query","validate_doc_update":{"a":1}}"#);
        assert!(matches!(wrong, Some(Declared::Selector(selector)) if selector.is_err()));
    }
}
