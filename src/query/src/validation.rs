//! Declarative `validate_doc_update`: a selector over the document that is to be stored and the one that is
//! there. When it is asked, and what a refusal is to the writer, is not decided here.
//!
//! Source: CouchDB, pull request 5839 ("Mango vdu").

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::mango::MangoError;
use crate::selector::{Document, Metadata, Selector};

/// What a selector of this kind is asked about.
const FIELDS: [&str; 2] = ["newDoc", "oldDoc"];
/// Conditions that a refusal names; a selector may have thousands.
const MOST_NAMED: usize = 10;

/// A selector that documents have to match.
#[derive(Clone, Debug)]
pub struct DeclaredValidation {
    selector: Selector,
}

/// Why a declaration is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DeclarationError {
    /// A condition on something else than the two documents.
    #[error("'validate_doc_update' may only contain 'newDoc' and 'oldDoc' as top-level fields")]
    OtherField,
    /// A selector that is none.
    #[error("{0}")]
    Selector(#[from] MangoError),
}

impl DeclaredValidation {
    /// Reads the member `validate_doc_update` of a design document whose language is `query`.
    ///
    /// # Errors
    /// [`DeclarationError`].
    pub fn parse(declaration: &Value) -> Result<Self, DeclarationError> {
        let selector = Selector::parse(declaration)?;
        let is_known = |name: &&str| FIELDS.contains(&name.split('.').next().unwrap_or_default());
        if selector.asked_fields().iter().all(is_known) {
            Ok(Self { selector })
        } else {
            Err(DeclarationError::OtherField)
        }
    }

    /// Asks about a document's JSON text and, where one is stored, that of the document before it. Both are in
    /// normal form.
    ///
    /// # Errors
    /// What does not hold, in words.
    pub fn ask(&self, new: &str, old: Option<&str>) -> Result<(), String> {
        let old = old.map(|old| format!(",\"oldDoc\":{old}")).unwrap_or_default();
        let body = format!("{{\"newDoc\":{new}{old}}}");
        let document = Document { body: body.as_bytes(), metadata: Metadata::default() };
        if self.selector.matches(&document) {
            return Ok(());
        }
        let failures = self.selector.failures(&document);
        let named: Vec<String> = failures.iter().take(MOST_NAMED).map(Value::to_string).collect();
        let more = if failures.len() > named.len() { ", and more" } else { "" };
        Err(format!("document is not valid: it does not match {}{more}", named.join(", ")))
    }
}
