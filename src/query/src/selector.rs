//! Selectors: CouchDB's declarative conditions on documents, parsed into a typed expression and
//! evaluated over the JSON text of stored bodies. Which index answers a selector does not belong
//! here (see [`crate::mango`]).
//!
//! ```text
//! Selector::parse(&serde_json::Value) -> Result<Selector, MangoError>
//! selector.matches(&Document<'_>) -> bool              // _find, changes and replication filters
//! selector.to_json() -> serde_json::Value              // normalised, as CouchDB shows it
//! selector.field_names() -> Vec<&str>
//!
//! Document { body: &[u8], metadata: Metadata }         // body: normal form, without special members
//! Metadata { id: &str, revision: Option<&str>, deleted: bool, members: &[(&str, &[u8])] }
//!
//! Projection::parse(&Value) -> Result<Option<Projection>, MangoError>   // `fields`; None: all
//! projection.write(&mut Vec<u8>, &Document<'_>)                         // appends an object's text
//! Sort::parse(&Value) -> Result<Sort, MangoError>
//! compare_json(left: &[u8], right: &[u8]) -> Ordering                   // view collation, on text
//! ```
//!
//! A body is read once, forward, only as far as the last field that the selector names; nothing is
//! parsed that no condition looks at. Text has to be in the normal form of [`refuge_document::Body`]
//! (no insignificant white space, shortest escapes, no duplicate members); other text gives some
//! answer, never a panic.
//!
//! Values compare as CouchDB's do: `null`, `false`, `true`, numbers, strings (ICU root collation),
//! arrays, objects; the field `_id` compares by Erlang's order of terms, hence ids by bytes. A
//! condition on a missing field is false, `{"$exists": false}` apart.
//!
//! Two deliberate differences: `$regex` works on characters, not on bytes as CouchDB's does; and
//! input for which CouchDB answers 500 (`$mod` by 0, `a..b` as a field) is refused when it is parsed.
//!
//! Source: <https://docs.couchdb.org/en/stable/ddocs/mango.html>
