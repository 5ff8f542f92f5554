//! An end that is a database of trusted nodes, written as one text: as it is shown, and as `refuge replicate`
//! takes it.

use serde_json::{Map, Value};

use super::{JobError, NodeEnd};

const SCHEME: &str = "node://";

impl NodeEnd {
    /// Reads `node://NAME/DATABASE`; `None` for a text that begins otherwise. A name with a slash in it needs the
    /// object.
    pub(super) fn from_text(text: &str, field: &str) -> Option<Result<Self, JobError>> {
        let rest = text.strip_prefix(SCHEME)?;
        let Some((node, database)) = rest.split_once('/') else {
            let reason = format!("`{field}` names no database: write {SCHEME}NAME/DATABASE");
            return Some(Err(JobError::BadRequest(reason)));
        };
        let member = |name: &str, text: &str| (name.to_owned(), Value::from(text));
        let end = Map::from_iter([member("node", node), member("db", database)]);
        Some(Self::parse(&end, field))
    }
}

#[cfg(test)]
mod tests {
    use refuge_mesh::Selector;

    use super::*;

    fn read(text: &str) -> Option<Result<NodeEnd, JobError>> {
        NodeEnd::from_text(text, "source")
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for text in ["node://bob/cities", "node://group:family/a/b", "node://*/cities"] {
            let end = read(text).expect("an end").expect("a good one");
            assert_eq!(end.to_string(), text);
        }
        let end = read("node://bob/cities").expect("an end").expect("a good one");
        assert_eq!(end.selector, Selector::Node("bob".to_owned()));
    }

    #[test]
    fn other_texts_are_none_and_wrong_ones_are_told() {
        assert_eq!(read("http://bob/cities"), None);
        assert_eq!(read("cities"), None);
        for text in ["node://bob", "node:///cities", "node://bob/Cities", "node://group:B/cities"] {
            assert!(matches!(read(text), Some(Err(JobError::BadRequest(_)))), "{text}");
        }
        assert!(matches!(read("node://bob/_peers"), Some(Err(JobError::Forbidden(_)))));
    }
}
