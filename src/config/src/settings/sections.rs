//! What becomes of a line of the table: the sections' types with their defaults, the settings as one value,
//! and the list of keys.

macro_rules! sections {
    ($(
        $(#[doc = $about:literal])*
        $section:ident: $Section:ident {
            $( $name:ident: $kind:ty = $default:expr, $expected:expr, $over_http:expr, $why:literal; )*
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
            /// The version of the release that runs, where one does.
            pub version: Option<String>,
            /// Server admins: names with their passwords, in clear or hashed, as they were written.
            pub admins: BTreeMap<String, String>,
            $( $(#[doc = $about])* pub $section: $Section, )*
            /// What clients set under CouchDB's names and what has no effect here, by section and name.
            pub kept: BTreeMap<(String, String), String>,
            pub(crate) origins: BTreeMap<(String, String), Place>,
        }

        /// Every key but the admins, in the order in which `etc/refuge.toml` lists them.
        pub const KEYS: &[Key] = &[$($(
            Key {
                section: stringify!($section),
                name: stringify!($name),
                expected: $expected,
                over_http: $over_http,
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

pub(super) use sections;
