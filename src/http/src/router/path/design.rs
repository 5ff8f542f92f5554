//! What a path names below a design document, `/{db}/_design/{ddoc}/_…`.

use std::borrow::Cow;

/// A function of a design document, or what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DesignPart<'a> {
    /// `_info`.
    Information,
    /// `_view/{view}`.
    View {
        /// Name of the view.
        view: Cow<'a, str>,
    },
    /// `_view/{view}/queries`.
    ViewQueries {
        /// Name of the view.
        view: Cow<'a, str>,
    },
}

/// The part that the rest of a path names, its first segment beginning with `_`; `None` for what is not
/// built.
pub(super) fn find<'a>(rest: &[Cow<'a, str>]) -> Option<DesignPart<'a>> {
    let (first, rest) = rest.split_first()?;
    match (first.as_ref(), rest) {
        ("_info", []) => Some(DesignPart::Information),
        ("_view", [view]) => Some(DesignPart::View { view: view.clone() }),
        ("_view", [view, queries]) if queries == "queries" => {
            Some(DesignPart::ViewQueries { view: view.clone() })
        }
        _ => None,
    }
}
