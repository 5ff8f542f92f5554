//! The whole HTTP surface as one table: the path of each endpoint, its methods, and who may come there.
//! What is described to clients is made from it, and tests hold the router, and the running node, to it.

pub(crate) mod database;
pub(crate) mod design;
pub(crate) mod mesh;
pub(crate) mod node;
#[cfg(test)]
mod tests;

use serde_json::Value;

/// Who may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody, even while the node has no admin.
    Open,
    /// Anybody, once there is an admin.
    Anybody,
    /// Whoever may read and write in the database.
    Member,
    /// Whoever may change the database's design documents.
    DatabaseAdmin,
    /// Server admins, and whoever has the role of the application that it is about.
    Application,
    /// Server admins.
    ServerAdmin,
    /// Any other node, over the mesh alone.
    Node,
    /// Other nodes that are trusted, over the mesh alone.
    Peer,
}

impl Access {
    /// As it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Open | Self::Anybody => "anybody",
            Self::Member => "member",
            Self::DatabaseAdmin => "database admin",
            Self::Application => "application",
            Self::ServerAdmin => "server admin",
            Self::Node => "node",
            Self::Peer => "peer",
        }
    }
}

/// What may be done at an endpoint.
pub(crate) struct Operation {
    /// Methods, separated by spaces.
    pub(crate) methods: &'static str,
    /// For whom.
    pub(crate) access: Access,
    /// What it is, in a few words.
    pub(crate) what: &'static str,
    /// Parameters of the query with their types, `limit:integer`, separated by spaces.
    pub(crate) query: &'static str,
    /// What the body of a request holds, by the types of content that it may have, as OpenAPI describes it.
    pub(crate) takes: Option<fn() -> Value>,
    /// The shape of the answer, as JSON Schema describes it.
    pub(crate) gives: Option<fn() -> Value>,
}

/// An endpoint.
pub(crate) struct Endpoint {
    /// Its path, with names in braces for what stands there.
    pub(crate) path: &'static str,
    /// What may be done.
    pub(crate) operations: &'static [Operation],
}

/// Rows of the table: `NAME "/path" { "METHODS" Access "what" takes body gives answer, "parameters"; }`, where
/// `takes` and `gives`, each with a function that describes it, and the parameters may be left out.
macro_rules! surface {
    ($(
        $name:ident $path:literal {
            $(
                $methods:literal $access:ident $what:literal
                    $(takes $takes:ident)? $(gives $gives:ident)? $(, $query:expr)?;
            )+
        }
    )+) => {
        $(
            pub(crate) static $name: crate::surface::Endpoint = crate::surface::Endpoint {
                path: $path,
                operations: &[$(
                    crate::surface::Operation {
                        methods: $methods,
                        access: crate::surface::Access::$access,
                        what: $what,
                        query: crate::surface::surface!(@query $($query)?),
                        takes: crate::surface::surface!(@described $($takes)?),
                        gives: crate::surface::surface!(@described $($gives)?),
                    }
                ),+],
            };
        )+
        /// All of them.
        pub(super) static ALL: &[&crate::surface::Endpoint] = &[$( &$name ),+];
    };
    (@query) => { "" };
    (@query $query:expr) => { $query };
    (@described) => { None };
    (@described $described:ident) => { Some($described) };
}
pub(crate) use surface;

/// Every endpoint that is built.
pub(crate) fn endpoints() -> impl Iterator<Item = &'static Endpoint> {
    [node::ALL, mesh::ALL, database::ALL, design::ALL].into_iter().flatten().copied()
}
