//! The kinds of value that a setting can have: how each is read and shown. Keys do not belong here.

use std::fmt;
use std::net::IpAddr;

use refuge_mesh::check_name;

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// An IPv4 or IPv6 address.
    Address,
    /// A whole number, both ends included.
    Number {
        /// Least value.
        least: u64,
        /// Greatest value.
        most: u64,
    },
    /// One of [`LogLevel::ALL`].
    Level,
    /// A whole number from here on, or `infinity`.
    Bound {
        /// Least value.
        least: u64,
    },
    /// `true` or `false`.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Text of at most so many characters in which one of these words stands.
    Naming {
        /// The words.
        words: &'static [&'static str],
        /// Most characters.
        most: usize,
    },
    /// What a node may be called by its peers, or nothing.
    Name,
    /// Text of at most so many characters, none of them a control character.
    Text {
        /// Most characters.
        most: usize,
    },
    /// The same, shown to nobody.
    Secret {
        /// Most characters.
        most: usize,
    },
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => formatter.write_str("an IP address such as \"127.0.0.1\" or \"::1\""),
            Self::Number { least, most } => {
                write!(formatter, "a whole number from {least} to {most}")
            }
            Self::Bound { least } => {
                write!(formatter, "a whole number from {least} on, or \"infinity\"")
            }
            Self::Flag => formatter.write_str("true or false"),
            Self::OneOf(words) => write_choice(formatter, words),
            Self::Naming { words, most } => {
                write!(formatter, "text of at most {most} characters that names ")?;
                write_choice(formatter, words)
            }
            Self::Name => formatter.write_str(
                "empty or a name that a peer can have (1 to 64 characters, none of them hidden, neither \"*\" \
                 nor beginning with \"group:\", and nothing that looks like a node id)",
            ),
            Self::Text { most } | Self::Secret { most } => {
                write!(formatter, "text of at most {most} characters without control characters")
            }
            Self::Level => write_choice(formatter, &LogLevel::ALL.map(LogLevel::as_str)),
        }
    }
}

fn write_choice(formatter: &mut fmt::Formatter<'_>, words: &[&str]) -> fmt::Result {
    formatter.write_str("one of")?;
    for (position, word) in words.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        write!(formatter, "{comma} \"{word}\"")?;
    }
    Ok(())
}

/// A number that may be without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(u64);

impl Bound {
    /// No bound at all.
    pub const INFINITE: Self = Self(u64::MAX);

    /// The greatest number that is within.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// Text that is shown nowhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever signs with it; none where nothing is set.
    pub fn reveal(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// How much the node tells of itself on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What failed and will not mend itself.
    Error,
    /// What failed and mends itself, restarts among them.
    Warn,
    /// What an operator wants to know in ordinary times.
    Info,
    /// What helps to find a fault.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// From the quietest to the loudest.
    pub const ALL: [Self; 6] =
        [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// Its name as it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A value as it was found in one of the layers.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    /// A whole number in a file.
    Integer(i64),
    /// `true` or `false` in a file.
    Boolean(bool),
    /// A string in a file.
    Text(String),
    /// Text from the environment or the command line, where numbers are text as well.
    Loose(String),
    /// Anything else; the text is what it looks like.
    Other(String),
}

impl Given {
    /// For messages; never called for secrets.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::Integer(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Text(text) | Self::Loose(text) => format!("\"{}\"", text.escape_debug()),
            Self::Other(shown) => shown.clone(),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Loose(text) => Some(text),
            Self::Integer(_) | Self::Boolean(_) | Self::Other(_) => None,
        }
    }

    fn number(&self, expected: Expected) -> Option<u64> {
        let number = match self {
            Self::Integer(number) => u64::try_from(*number).ok()?,
            Self::Loose(text) => text.trim().parse().ok()?,
            Self::Text(_) | Self::Boolean(_) | Self::Other(_) => return None,
        };
        let Expected::Number { least, most } = expected else {
            return None;
        };
        (least..=most).contains(&number).then_some(number)
    }
}

/// A type that a setting can have.
pub(crate) trait Setting: Sized {
    /// Reads it; `None` when `given` is not what is expected.
    fn read(given: &Given, expected: Expected) -> Option<Self>;
    /// As TOML.
    fn to_toml(&self) -> toml_edit::Value;
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn read(given: &Given, expected: Expected) -> Option<Self> {
                given.number(expected)?.try_into().ok()
            }
            fn to_toml(&self) -> toml_edit::Value {
                // No key reaches beyond i64, TOML's limit; a test holds the table to that.
                i64::try_from(*self).unwrap_or(i64::MAX).into()
            }
        }
    )*};
}

whole_numbers!(u16, u32, u64, usize);

impl Setting for IpAddr {
    fn read(given: &Given, _: Expected) -> Option<Self> {
        given.text()?.trim().parse().ok()
    }
    fn to_toml(&self) -> toml_edit::Value {
        self.to_string().into()
    }
}

impl Setting for bool {
    fn read(given: &Given, _: Expected) -> Option<Self> {
        match given {
            Given::Boolean(flag) => Some(*flag),
            Given::Loose(text) => text.trim().parse().ok(),
            Given::Integer(_) | Given::Text(_) | Given::Other(_) => None,
        }
    }
    fn to_toml(&self) -> toml_edit::Value {
        (*self).into()
    }
}

impl Setting for String {
    fn read(given: &Given, expected: Expected) -> Option<Self> {
        if let Expected::OneOf(words) = expected {
            let word = match given {
                Given::Boolean(flag) => flag.to_string(),
                given => given.text()?.trim().to_lowercase(),
            };
            return words.contains(&word.as_str()).then_some(word);
        }
        let text = given.text()?.trim();
        if expected == Expected::Name {
            let good = text.is_empty() || check_name(text).is_ok();
            return good.then(|| text.to_owned());
        }
        let (words, most) = match expected {
            Expected::Text { most } | Expected::Secret { most } => (None, most),
            Expected::Naming { words, most } => (Some(words), most),
            _ => return None,
        };
        let mut named = text.split(|one: char| !(one.is_ascii_alphanumeric() || one == '_'));
        let is_named = words.is_none_or(|words| named.any(|word| words.contains(&word)));
        let fits = text.chars().count() <= most && !text.chars().any(char::is_control);
        (fits && is_named).then(|| text.to_owned())
    }
    fn to_toml(&self) -> toml_edit::Value {
        self.as_str().into()
    }
}

impl Setting for Secret {
    fn read(given: &Given, expected: Expected) -> Option<Self> {
        String::read(given, expected).map(Self)
    }
    fn to_toml(&self) -> toml_edit::Value {
        self.0.as_str().into()
    }
}

impl Setting for Bound {
    fn read(given: &Given, expected: Expected) -> Option<Self> {
        let Expected::Bound { least } = expected else { return None };
        if given.text().is_some_and(|text| text.trim() == "infinity") {
            return Some(Self::INFINITE);
        }
        // TOML's integers end at i64's greatest.
        given.number(Expected::Number { least, most: i64::MAX.unsigned_abs() }).map(Self)
    }
    fn to_toml(&self) -> toml_edit::Value {
        match *self {
            Self::INFINITE => "infinity".into(),
            Self(number) => number.to_toml(),
        }
    }
}

impl Setting for LogLevel {
    fn read(given: &Given, _: Expected) -> Option<Self> {
        let name = given.text()?.trim().to_ascii_lowercase();
        // CouchDB has more names than there are levels here.
        let name = match name.as_str() {
            "none" => "off",
            "err" | "critical" | "crit" | "alert" | "emergency" | "emerg" => "error",
            "warning" => "warn",
            "notice" => "info",
            name => name,
        };
        Self::ALL.into_iter().find(|level| level.as_str() == name)
    }
    fn to_toml(&self) -> toml_edit::Value {
        self.as_str().into()
    }
}
