//! Questions of Mango, each with a document on the line behind it: nothing panics, a selector means the
//! same in its normal form, what matches lies in the range of the index that is chosen, and a bookmark
//! comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_document::parse_document;
use refuge_query::collation::{Collation, SortKeys};
use refuge_query::mango::{
    Bookmark, Database, Find, Index, IndexRequest, KeyMaker, explain, parse_bulk_delete, plan,
    remove_index,
};
use refuge_query::selector::{Document, Metadata, Selector};
use serde_json::{Value, json};

const DATABASE: Database<'static> = Database { name: "fuzz", partitioned: false };

fuzz_target!(|text: &[u8]| {
    if let Some(bookmark) =
        std::str::from_utf8(text).ok().and_then(|text| Bookmark::decode(text).ok())
    {
        let again = bookmark.as_ref().map(|one| Bookmark::decode(&one.encode()).expect("its own"));
        assert_eq!(again, bookmark.clone().map(Some));
    }
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let Ok(question) = serde_json::from_slice::<Value>(&text[..end]) else { return };
    let parsed = parse_document(text.get(end + 1..).unwrap_or(b"{}"));
    let body = parsed.as_ref().map_or(&b"{}"[..], |document| document.body.as_bytes());
    let document = Document { body, metadata: Metadata::new("a", "1-a") };
    define(&question, &document);
    ask(&question, &document);
});

/// The question as the definition of an index.
fn define(request: &Value, document: &Document<'_>) {
    let _ = parse_bulk_delete(request);
    let Ok(request) = IndexRequest::parse(request) else { return };
    let Ok(Some(design)) = request.add_to(None, false) else { return };
    // What is there already is not added again.
    assert_eq!(request.add_to(Some(&design), false).ok(), Some(None));
    for index in Index::from_design_document(&request.design_document, &design, false) {
        let _ = index.to_json();
        if let Some(key) = KeyMaker::new(&index).ok().and_then(|maker| maker.key(document)) {
            assert!(matches!(serde_json::from_slice(&key), Ok(Value::Array(_))));
        }
    }
    assert!(remove_index(&design, &request.name).is_ok());
}

fn ask(question: &Value, document: &Document<'_>) {
    let Ok(find) = Find::parse(question, None) else { return };
    let matches = find.selector.matches(document);
    // The normal form may be deeper than what is allowed.
    if let Ok(normal) = Selector::parse(&find.selector.to_json()) {
        assert_eq!(normal.matches(document), matches);
    }
    if let Some(fields) = &find.fields {
        let mut shown = Vec::new();
        fields.write(&mut shown, document);
        assert!(matches!(serde_json::from_slice(&shown), Ok(Value::Object(_))));
    }
    let mut indexes = vec![Index::all_documents()];
    for fields in [json!(["a"]), json!(["b", "a"]), json!(["a.b", "c"])] {
        let request = IndexRequest::parse(&json!({"index": {"fields": fields}})).expect("an index");
        let design = request.add_to(None, false).expect("an index").expect("a new one");
        indexes.extend(Index::from_design_document(&request.design_document, &design, false));
    }
    let _ = explain(&find, &indexes, &DATABASE);
    let Ok(plan) = plan(&find, &indexes, &DATABASE) else { return };
    let keys = SortKeys::new(Collation::Unicode).expect("the collation's data");
    let range = plan.range.key_range(&keys);
    if let (true, Ok(Some(range))) = (matches, range) {
        let maker = KeyMaker::new(&indexes[plan.index]).expect("an index");
        let key = maker.key(document).expect("what matches has a row in the index that is chosen");
        if let Ok(key) = keys.key(&key) {
            assert!(range.contains(&key), "what matches lies outside of the range");
        }
    }
}
