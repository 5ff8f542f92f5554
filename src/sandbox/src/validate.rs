//! `validate_doc_update` and `validate_doc_read`: whether a document may be stored, and whether it may be read.

use crate::error::Error;
use crate::functions::Functions;
use crate::realm::Argument;

/// The arguments of a validation, each as JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Validation<'a> {
    /// The document as it would be stored, with `_id`, `_rev` and `_revisions`.
    pub new: &'a str,
    /// The document as it is stored, where it is.
    pub old: Option<&'a str>,
    /// `{"db", "name", "roles"}` of who writes.
    pub user: &'a str,
    /// The database's security object.
    pub security: &'a str,
}

/// The arguments of a question whether somebody may read a document, each as JSON text.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The document as it is stored, with `_id` and `_rev`.
    pub document: &'a str,
    /// `{"db", "name", "roles"}` of who reads.
    pub user: &'a str,
    /// The database's security object.
    pub security: &'a str,
}

impl Functions {
    /// Asks `validate_doc_update` whether a document may be stored. Deletions are asked about too.
    ///
    /// # Errors
    /// [`Error::Forbidden`] and [`Error::Unauthorized`] are its refusals. Any other error is a refusal
    /// as well: nobody said that the document may be stored.
    pub fn validate(&mut self, validation: Validation<'_>) -> Result<(), Error> {
        let Validation { new, old, user, security } = validation;
        let arguments = [
            Argument::Text(new),
            Argument::Text(old.unwrap_or("null")),
            Argument::Text(user),
            Argument::Text(security),
        ];
        self.realm.call("validate", &arguments).map(|_| ())
    }

    /// Asks `validate_doc_read` whether somebody may read a document. Tombstones are asked about too.
    ///
    /// # Errors
    /// As [`Functions::validate`]: any error hides the document.
    pub fn validate_read(&mut self, reading: Reading<'_>) -> Result<(), Error> {
        let Reading { document, user, security } = reading;
        let arguments = [document, user, security].map(Argument::Text);
        self.realm.call("validate_read", &arguments).map(|_| ())
    }
}
