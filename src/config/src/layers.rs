//! The layers and their order. What a key takes stands in `settings`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike, Value};

use crate::admins;
use crate::couchdb::{Meaning, meaning};
use crate::error::{ConfigurationError, Place};
use crate::key::Key;
use crate::layout::Layout;
use crate::nearest::nearest;
use crate::settings::{Settings, TOKEN_KEYS, VIRTUAL_HOSTS};
use crate::value::{Expected, Given};
use crate::whole;

/// The section of what is kept for clients: `[kept.SECTION]`, each name with its text.
pub(crate) const KEPT: &str = "kept";

/// Values that were set for this run of the node alone, by section and name.
pub type Unpersisted = BTreeMap<(String, String), String>;

/// Where settings come from. Everything is passed in, so that two nodes can live in one process.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The directory under which the node's files lie.
    pub root: PathBuf,
    /// The version of the release that runs, where one does; else it is that of the program.
    pub version: Option<String>,
    /// `--config` files in their order; each must exist.
    pub files: Vec<PathBuf>,
    /// Environment variables; those not called `REFUGE_<SECTION>__<KEY>` are ignored.
    pub environment: Vec<(String, String)>,
    /// `--set` values, each `section.key=value`.
    pub overrides: Vec<String>,
}

/// Reads all layers and checks the whole.
pub fn load(sources: &Sources) -> Result<Settings, ConfigurationError> {
    load_with(sources, &Unpersisted::new())
}

/// [`load`] with what was set for this run of the node alone, which beats the files.
pub fn load_with(
    sources: &Sources,
    unpersisted: &Unpersisted,
) -> Result<Settings, ConfigurationError> {
    let layout = Layout::new(&sources.root);
    let (root, version) = (sources.root.clone(), sources.version.clone());
    let mut settings = Settings { root, version, ..Settings::default() };
    let shipped = layout.configuration_file();
    read_file(&mut settings, &shipped, FileKind::MayBeAbsent)?;
    for path in &sources.files {
        read_file(&mut settings, path, FileKind::MustExist)?;
    }
    read_file(&mut settings, &layout.local_file(), FileKind::Local)?;
    for ((section, name), value) in unpersisted {
        let assignment = Assignment { section, name, place: Place::Unpersisted };
        assignment.apply_by_meaning(&mut settings, value)?;
    }
    for (variable, value) in &sources.environment {
        read_variable(&mut settings, variable, value)?;
    }
    for text in &sources.overrides {
        read_override(&mut settings, text)?;
    }
    whole::check(&settings)?;
    Ok(settings)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    MayBeAbsent,
    MustExist,
    Local,
}

fn read_file(
    settings: &mut Settings,
    path: &Path,
    kind: FileKind,
) -> Result<(), ConfigurationError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) if source.kind() == io::ErrorKind::NotFound && kind != FileKind::MustExist => {
            return Ok(());
        }
        Err(source) => {
            return Err(ConfigurationError::Unreadable { path: path.to_owned(), source });
        }
    };
    let file = File { path, text: &text, local: kind == FileKind::Local };
    file.read_into(settings)
}

/// One file's text on its way into the settings.
pub(crate) struct File<'a> {
    pub(crate) path: &'a Path,
    pub(crate) text: &'a str,
    pub(crate) local: bool,
}

impl File<'_> {
    /// Puts every key of the file into `settings`.
    pub(crate) fn read_into(&self, settings: &mut Settings) -> Result<(), ConfigurationError> {
        let document = Document::parse(self.text).map_err(|error| ConfigurationError::Syntax {
            place: self.place(error.span().map(|span| span.start)),
            message: error.message().replace('\n', ", "),
        })?;
        for (section, item) in document.iter() {
            let Some(table) = item.as_table_like() else {
                return Err(self.stray(document.as_table(), section));
            };
            for (name, item) in table.iter() {
                let place = self.key_place(table, name);
                match section {
                    KEPT => {
                        self.read_kept(settings, name, item, place)?;
                        continue;
                    }
                    VIRTUAL_HOSTS | TOKEN_KEYS => {
                        keep(settings, (section, name, section), item, place)?;
                        continue;
                    }
                    _ => {}
                }
                Assignment { section, name, place }.apply(settings, &given(item))?;
            }
        }
        Ok(())
    }

    /// Reads one section of what is kept for clients.
    fn read_kept(
        &self,
        settings: &mut Settings,
        section: &str,
        item: &Item,
        place: Place,
    ) -> Result<(), ConfigurationError> {
        let Some(table) = item.as_table_like() else {
            let section = format!("{KEPT}.{section}");
            return Err(ConfigurationError::NotASection { place, section });
        };
        for (name, item) in table.iter() {
            let place = self.key_place(table, name);
            keep(settings, (section, name, &format!("{KEPT}.{section}")), item, place)?;
        }
        Ok(())
    }

    /// The error for something at the top of a file that is not a section.
    fn stray(&self, top: &dyn TableLike, name: &str) -> ConfigurationError {
        let place = self.key_place(top, name);
        let is_section = ["admins", KEPT, VIRTUAL_HOSTS, TOKEN_KEYS].contains(&name)
            || crate::KEYS.iter().any(|key| key.section == name);
        if is_section {
            ConfigurationError::NotASection { place, section: name.to_owned() }
        } else {
            let key = name.to_owned();
            ConfigurationError::UnknownKey { place, key, nearest: nearest("", name) }
        }
    }

    fn key_place(&self, table: &dyn TableLike, name: &str) -> Place {
        let span = table.get_key_value(name).and_then(|(key, item)| key.span().or(item.span()));
        self.place(span.map(|span| span.start))
    }

    fn place(&self, offset: Option<usize>) -> Place {
        let line = offset
            .and_then(|offset| self.text.get(..offset))
            .map_or(0, |before| before.matches('\n').count() + 1);
        let path = self.path.to_owned();
        if self.local { Place::Local { path, line } } else { Place::File { path, line } }
    }
}

/// Keeps a text that a file has for a name of a section, which stands in a table of that file.
fn keep(
    settings: &mut Settings,
    (section, name, table): (&str, &str, &str),
    item: &Item,
    place: Place,
) -> Result<(), ConfigurationError> {
    let Some(text) = item.as_str() else {
        return Err(ConfigurationError::WrongValue {
            place,
            key: format!("{table}.{name}"),
            expected: "text".to_owned(),
            found: given(item).show(),
        });
    };
    Assignment { section, name, place }.keep(settings, text);
    Ok(())
}

/// What stands in a file for a key.
fn given(item: &Item) -> Given {
    match item {
        Item::Value(Value::Integer(number)) => Given::Integer(*number.value()),
        Item::Value(Value::Boolean(flag)) => Given::Boolean(*flag.value()),
        Item::Value(Value::String(text)) => Given::Text(text.value().clone()),
        Item::Value(value) => Given::Other(format!("a value of type {}", value.type_name())),
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => Given::Other("a table".to_owned()),
    }
}

fn read_variable(
    settings: &mut Settings,
    variable: &str,
    value: &str,
) -> Result<(), ConfigurationError> {
    let Some((section, name)) =
        variable.strip_prefix("REFUGE_").and_then(|rest| rest.split_once("__"))
    else {
        return Ok(());
    };
    let assignment = Assignment {
        section: &section.to_lowercase(),
        name: &name.to_lowercase(),
        place: Place::Environment { variable: variable.to_owned() },
    };
    assignment.apply(settings, &Given::Loose(value.to_owned()))
}

fn read_override(settings: &mut Settings, text: &str) -> Result<(), ConfigurationError> {
    let Some((path, value)) = text.split_once('=') else {
        return Err(ConfigurationError::WrongOverride);
    };
    let Some((section, name)) = path.trim().split_once('.') else {
        return Err(ConfigurationError::WrongOverride);
    };
    let assignment = Assignment { section, name, place: Place::CommandLine };
    assignment.apply(settings, &Given::Loose(value.to_owned()))
}

/// A key with the place where it was given a value.
#[derive(Clone)]
pub(crate) struct Assignment<'a> {
    pub(crate) section: &'a str,
    pub(crate) name: &'a str,
    pub(crate) place: Place,
}

impl Assignment<'_> {
    /// Takes a value that came by one of the key's names, ours or CouchDB's.
    pub(crate) fn apply_by_meaning(
        self,
        settings: &mut Settings,
        value: &str,
    ) -> Result<(), ConfigurationError> {
        let Self { section, name, place } = self;
        let (section, name) = match meaning(section, name) {
            Meaning::Ours(key) => (key.section, key.name),
            Meaning::Kept | Meaning::Forbidden(_) => {
                Assignment { section, name, place }.keep(settings, value);
                return Ok(());
            }
            Meaning::Admin | Meaning::Unknown => (section, name),
        };
        Assignment { section, name, place }.apply(settings, &Given::Loose(value.to_owned()))
    }

    /// Keeps a value that has no effect.
    fn keep(self, settings: &mut Settings, value: &str) {
        let key = (self.section.to_owned(), self.name.to_owned());
        settings.kept.insert(key.clone(), value.to_owned());
        settings.origins.insert(key, self.place);
    }

    /// Checks the value and puts it into `settings`.
    pub(crate) fn apply(
        self,
        settings: &mut Settings,
        given: &Given,
    ) -> Result<(), ConfigurationError> {
        let Self { section, name, place } = self;
        if section == "admins" {
            let password = admins::check(name, given).map_err(|problem| {
                ConfigurationError::WrongAdmin { place: place.clone(), problem }
            })?;
            settings.admins.insert(name.to_owned(), password);
        } else {
            let Some(key) = Key::find(section, name) else {
                return Err(ConfigurationError::UnknownKey {
                    place,
                    key: format!("{section}.{name}"),
                    nearest: nearest(section, name),
                });
            };
            if !key.apply(settings, given) {
                return Err(ConfigurationError::WrongValue {
                    place,
                    key: key.path(),
                    expected: key.expected.to_string(),
                    found: match key.expected {
                        Expected::Secret { .. } => "something else".to_owned(),
                        _ => given.show(),
                    },
                });
            }
        }
        settings.origins.insert((section.to_owned(), name.to_owned()), place);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
