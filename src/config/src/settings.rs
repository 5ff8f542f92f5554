//! The one table of keys, and the snapshot type that is made from it: a line here is all that a new
//! key needs. `etc/refuge.toml` is checked against it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use crate::error::Place;
use crate::value::{Expected, Given, LogLevel, Setting};

/// One key of the configuration.
pub struct Key {
    /// Section, as in `[section]`.
    pub section: &'static str,
    /// Name within the section.
    pub name: &'static str,
    /// What it takes.
    pub expected: Expected,
    /// What it is for and why its default is what it is, in one line.
    pub why: &'static str,
    default: fn() -> toml_edit::Value,
    apply: fn(&mut Settings, &Given, Expected) -> bool,
    show: fn(&Settings) -> toml_edit::Value,
}

impl Key {
    /// Its default as it would be written in a file.
    pub fn default_text(&self) -> String {
        (self.default)().to_string().trim().to_owned()
    }

    /// Its value in `settings`, as it would be written in a file.
    pub fn value_text(&self, settings: &Settings) -> String {
        (self.show)(settings).to_string().trim().to_owned()
    }

    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// Finds a key.
    pub(crate) fn find(section: &str, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.section == section && key.name == name)
    }

    /// Puts a value into `settings`; false when it is not what is expected.
    pub(crate) fn apply(&self, settings: &mut Settings, given: &Given) -> bool {
        (self.apply)(settings, given, self.expected)
    }
}

macro_rules! sections {
    ($(
        $(#[doc = $about:literal])*
        $section:ident: $Section:ident {
            $( $name:ident: $kind:ty = $default:expr, $expected:expr, $why:literal; )*
        }
    )*) => {
        $(
            $(#[doc = $about])*
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $Section {
                $( #[doc = $why] pub $name: $kind, )*
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $name: $default, )* }
                }
            }
        )*

        /// The configuration of a node at one moment: a value that never changes.
        #[derive(Clone, Default)]
        pub struct Settings {
            /// The directory under which the node's files lie.
            pub root: PathBuf,
            /// Server admins: names with their passwords, in clear or hashed, as they were written.
            pub admins: BTreeMap<String, String>,
            $( $(#[doc = $about])* pub $section: $Section, )*
            pub(crate) origins: BTreeMap<(String, String), Place>,
        }

        /// Every key but the admins, in the order in which `etc/refuge.toml` lists them.
        pub const KEYS: &[Key] = &[$($(
            Key {
                section: stringify!($section),
                name: stringify!($name),
                expected: $expected,
                why: $why,
                default: || Setting::to_toml(&$Section::default().$name),
                apply: |settings, given, expected| match Setting::read(given, expected) {
                    Some(value) => { settings.$section.$name = value; true }
                    None => false,
                },
                show: |settings| Setting::to_toml(&settings.$section.$name),
            },
        )*)*];

        impl fmt::Debug for Settings {
            /// Admins by name only: their passwords are secrets.
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter
                    .debug_struct("Settings")
                    .field("root", &self.root)
                    .field("admins", &self.admins.keys().collect::<Vec<_>>())
                    $( .field(stringify!($section), &self.$section) )*
                    .finish_non_exhaustive()
            }
        }
    };
}

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Between `least` and `most`.
const fn number(least: u64, most: u64) -> Expected {
    Expected::Number { least, most }
}

sections! {
    /// The HTTP listener.
    http: Http {
        bind: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST), Expected::Address,
            "Address to listen on; loopback, so that nothing is open to a network unless somebody says so.";
        port: u16 = 5984, number(0, 65_535),
            "Port to listen on; CouchDB's, so that clients find it. 0 picks a free one.";
        max_connections: usize = 2_048, number(1, 1_000_000),
            "Connections open at once, further ones wait; bounds memory and file handles.";
    }
    /// The storage engine.
    storage: Storage {
        cache_bytes: u64 = 8 * MIB, number(MIB, 1 << 40),
            "Memory for blocks read from disk; small, since the system's page cache stands behind it.";
        memtable_bytes: u64 = 8 * MIB, number(MIB, 4 * GIB),
            "Written rows held in memory per table before they go to disk sorted; larger loads faster, smaller starts faster after a crash.";
        journal_bytes: u64 = 64 * MIB, number(64 * MIB, 1 << 40),
            "Size at which the journal makes tables go to disk; 64 MiB is the least the engine takes.";
        upkeep_grace_seconds: u64 = 10, number(0, 31_536_000),
            "How long the body of a replaced revision stays readable: a replicator that just saw it can still fetch it.";
        upkeep_rows_per_second: u64 = 25_000, number(50, 10_000_000),
            "Rows that leave in the background each second, between the commits.";
    }
    /// Open databases.
    databases: Databases {
        shards: u16 = 2, number(1, 64),
            "Shards of a new database (CouchDB's q): as many of its writes can be prepared side by side.";
        idle_seconds: u64 = 60, number(1, 31_536_000),
            "A database that nobody uses for so long is closed, which frees its actors.";
    }
    /// Purges over HTTP.
    purge: Purge {
        max_document_id_number: usize = 100, number(1, 1_000_000),
            "Documents that one request to _purge may name; CouchDB's.";
        max_revisions_number: usize = 1_000, number(1, 1_000_000),
            "Revisions that one request to _purge may name; CouchDB's.";
    }
    /// The mesh of nodes.
    mesh: Mesh {
        enabled: bool = false, Expected::Flag,
            "Listen for other nodes even before the first one is known; from the first peer on the node listens anyway.";
        bind: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED), Expected::Address,
            "Address to listen on for other nodes; all of IPv6 and IPv4, since who is let in is decided by certificates.";
        port: u16 = 6984, number(0, 65_535),
            "Port to listen on for other nodes. 0 picks a free one.";
        max_connections: usize = 512, number(1, 1_000_000),
            "Connections of other nodes open at once, further ones wait; bounds memory and file handles.";
        name: String = String::new(), Expected::Text { most: 64 },
            "What this node calls itself towards others; empty for the host's name.";
    }
    /// Who is let in.
    authentication: Authentication {
        iterations: u32 = 100_000, number(1_000, 10_000_000),
            "PBKDF2-SHA256 rounds for new hashes: about 60 ms of one core, what a guess costs a thief. Lower it in tests only.";
    }
    /// Logging, to standard error.
    log: Log {
        level: LogLevel = LogLevel::Info, Expected::Level,
            "How much is told on standard error; the environment's RUST_LOG, when set, decides instead.";
    }
}

impl Settings {
    /// Where the value of a key was written last; `None` when it is the default. Admins are found
    /// under section `admins` and their name.
    pub fn origin(&self, section: &str, name: &str) -> Option<&Place> {
        self.origins.get(&(section.to_owned(), name.to_owned()))
    }
}
