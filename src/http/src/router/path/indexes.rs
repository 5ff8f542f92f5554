//! What a path names below `/{db}/_index`.

use std::borrow::Cow;

/// Mango's indexes, or one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexesPart<'a> {
    /// `_index`.
    All,
    /// `_index/_bulk_delete`.
    BulkDelete,
    /// `_index/{ddoc}/{type}/{name}`, also with `_design/` before the design document's name.
    One {
        /// Name of the design document, without `_design/`.
        design: Cow<'a, str>,
        /// Type of the index.
        kind: Cow<'a, str>,
        /// Its name.
        name: Cow<'a, str>,
    },
    /// What is not there.
    Unknown,
}

/// The part that the rest of a path names.
pub(super) fn find<'a>(rest: &[Cow<'a, str>]) -> IndexesPart<'a> {
    let one = |design: &Cow<'a, str>, kind: &Cow<'a, str>, name: &Cow<'a, str>| IndexesPart::One {
        design: design
            .strip_prefix("_design/")
            .map_or_else(|| design.clone(), |design| Cow::Owned(design.to_owned())),
        kind: kind.clone(),
        name: name.clone(),
    };
    match rest {
        [] => IndexesPart::All,
        [only] if only == "_bulk_delete" => IndexesPart::BulkDelete,
        [design, kind, name] => one(design, kind, name),
        [prefix, design, kind, name] if prefix == "_design" => one(design, kind, name),
        _ => IndexesPart::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &[&'static str]) -> IndexesPart<'static> {
        find(&path.iter().map(|&segment| Cow::Borrowed(segment)).collect::<Vec<_>>())
    }

    #[test]
    fn an_index_is_named_with_or_without_design() {
        let one = IndexesPart::One { design: "d".into(), kind: "json".into(), name: "n".into() };
        assert_eq!(found(&["d", "json", "n"]), one);
        assert_eq!(found(&["_design", "d", "json", "n"]), one);
        assert_eq!(found(&["_design/d", "json", "n"]), one);
        assert_eq!(found(&["d"]), IndexesPart::Unknown);
        assert_eq!(found(&[]), IndexesPart::All);
        assert_eq!(found(&["_bulk_delete"]), IndexesPart::BulkDelete);
    }
}
