//! Doors to the parsers of this crate for the fuzz targets; in no build of the node.

use serde_json::{Map, Value};

use crate::limits::Limits;
use crate::multipart;
use crate::node::ViewPart;
use crate::query::{Query, decode_component};
use crate::router::find_for_fuzzing as find;
use crate::views::part_for_fuzzing;

/// What a multipart body comes to: for each part its headers and its bytes; `None` where it is
/// refused or not finished.
#[must_use]
pub fn multipart(boundary: &str, pieces: &[&[u8]]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    multipart::split(boundary, pieces)
}

/// Finds the endpoint of a path.
pub fn path(text: &str) {
    let Ok(uri) = text.parse::<hyper::Uri>() else { return };
    if let Ok(segments) = crate::request::path_segments(&uri, &Limits::default()) {
        let _ = find(segments);
    }
}

/// Reads a query string and every kind of parameter in it.
pub fn query(text: &str) {
    let query = Query::parse(Some(text));
    let names: Vec<String> = query.iter().map(|(name, _)| name.to_owned()).collect();
    for name in &names {
        let _ = (query.text(name), query.boolean(name), query.flag(name), query.is_true(name));
        let _ = (query.revisions(name), query.count(name), query.revision(name));
        let _ = query.json::<serde_json::Value>(&[name]);
    }
    let _ = decode_component(text);
}

/// The part of a view that a body and a query string ask for, of a view that reduces or does not;
/// `None` where they are refused.
#[must_use]
pub fn view_part(body: &Map<String, Value>, text: &str, reduces: bool) -> Option<ViewPart> {
    part_for_fuzzing(body, &Query::parse(Some(text)), reduces)
}
