//! What a path names below a design document, `/{db}/_design/{ddoc}/_…`.

use std::borrow::Cow;

/// What CouchDB answers below a design document with services that are not built.
pub(super) const LATER: &[&str] =
    &["_search", "_search_info", "_search_disk_size", "_nouveau", "_nouveau_info"];

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
    /// `_view` with more or less behind it.
    ViewOfNothing,
    /// `_show/{function}`, with or without a document's id.
    Show(CalledFunction<'a>),
    /// `_update/{function}`, with or without a document's id.
    Update(CalledFunction<'a>),
    /// `_show` or `_update` without a function.
    NoFunction {
        /// CouchDB's name of the error.
        error: &'static str,
    },
    /// `_list/{function}/{view}`, or `_list/{function}/{other-ddoc}/{view}`.
    List {
        /// Name of the function.
        function: Cow<'a, str>,
        /// Name of the view's design document, where it is another one.
        design: Option<Cow<'a, str>>,
        /// Name of the view.
        view: Cow<'a, str>,
    },
    /// `_list` with more or less behind it.
    ListOfNothing,
    /// `_rewrite/{path}`.
    Rewrite {
        /// The path's segments.
        path: Vec<String>,
    },
}

/// A function that is called with one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CalledFunction<'a> {
    /// Its name.
    pub(crate) function: Cow<'a, str>,
    /// The document's id; slashes may be in it.
    pub(crate) id: Option<String>,
}

fn called<'a>(function: &Cow<'a, str>, id: &[Cow<'a, str>]) -> CalledFunction<'a> {
    let id = (!id.is_empty()).then(|| id.join("/"));
    CalledFunction { function: function.clone(), id }
}

/// The part that the rest of a path names; `None` for what is no function of a design document.
pub(super) fn find<'a>(rest: &[Cow<'a, str>]) -> Option<DesignPart<'a>> {
    let (first, rest) = rest.split_first()?;
    match (first.as_ref(), rest) {
        ("_info", []) => Some(DesignPart::Information),
        ("_view", [view]) => Some(DesignPart::View { view: view.clone() }),
        ("_view", [view, queries]) if queries == "queries" => {
            Some(DesignPart::ViewQueries { view: view.clone() })
        }
        ("_view", _) => Some(DesignPart::ViewOfNothing),
        ("_show", []) => Some(DesignPart::NoFunction { error: "show_error" }),
        ("_update", []) => Some(DesignPart::NoFunction { error: "update_error" }),
        ("_show", [function, id @ ..]) => Some(DesignPart::Show(called(function, id))),
        ("_update", [function, id @ ..]) => Some(DesignPart::Update(called(function, id))),
        ("_list", [function, view]) => {
            Some(DesignPart::List { function: function.clone(), design: None, view: view.clone() })
        }
        ("_list", [function, design, view]) => Some(DesignPart::List {
            function: function.clone(),
            design: Some(design.clone()),
            view: view.clone(),
        }),
        ("_list", _) => Some(DesignPart::ListOfNothing),
        ("_rewrite", path) => {
            let path = path.iter().map(|segment| segment.clone().into_owned()).collect();
            Some(DesignPart::Rewrite { path })
        }
        _ => None,
    }
}
