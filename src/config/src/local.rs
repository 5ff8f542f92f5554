//! Writing `etc/local.toml`, the one file that the node writes. One actor at a time calls this; it
//! locks nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, Value};

use crate::error::{ConfigurationError, Place, WriteError};
use crate::layers::{self, Assignment};
use crate::layout::Layout;
use crate::settings::{Key, Settings};
use crate::value::{Expected, Given};

/// A setting to be written.
#[derive(Clone, Copy)]
pub struct LocalSetting<'a> {
    /// Section, `admins` among them.
    pub section: &'a str,
    /// Key within the section, or the admin's name.
    pub name: &'a str,
    /// Value as text; numbers are written as numbers.
    pub value: &'a str,
}

/// Writes one setting into `etc/local.toml` under `root`. Comments and all other settings stay as
/// they are; the file changes as a whole or not at all, is durable when this returns, and only its
/// owner may read it. Blocks.
pub fn write_local(root: &Path, setting: &LocalSetting<'_>) -> Result<(), WriteError> {
    let path = Layout::new(root).local_file();
    let unwritable = |source| WriteError::Unwritable { path: path.clone(), source };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => {
            return Err(ConfigurationError::Unreadable { path: path.clone(), source }.into());
        }
    };
    check(&path, &text, setting)?;
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let place = Place::Local { path: path.clone(), line: 0 };
        ConfigurationError::Syntax { place, message: error.message().to_owned() }
    })?;
    insert(&mut document, setting).ok_or_else(|| ConfigurationError::NotASection {
        place: Place::Local { path: path.clone(), line: 0 },
        section: setting.section.to_owned(),
    })?;
    replace(&path, &document.to_string()).map_err(unwritable)
}

/// The file as it is and the new setting must both be right: what is written here is read at the
/// next start, and a node must not keep itself from starting.
fn check(path: &Path, text: &str, setting: &LocalSetting<'_>) -> Result<(), ConfigurationError> {
    let mut scratch = Settings::default();
    layers::File { path, text, local: true }.read_into(&mut scratch)?;
    let place = Place::Local { path: path.to_owned(), line: 0 };
    let assignment = Assignment { section: setting.section, name: setting.name, place };
    assignment.apply(&mut scratch, &Given::Loose(setting.value.to_owned()))
}

/// Puts the setting into the document; `None` when its section is not a table.
fn insert(document: &mut DocumentMut, setting: &LocalSetting<'_>) -> Option<()> {
    let section = document.entry(setting.section).or_insert_with(|| Item::Table(Table::new()));
    let table = section.as_table_like_mut()?;
    let mut value = match Key::find(setting.section, setting.name).map(|key| key.expected) {
        Some(Expected::Number { .. }) => setting.value.trim().parse::<i64>().ok()?.into(),
        Some(Expected::Flag) => setting.value.trim().parse::<bool>().ok()?.into(),
        Some(Expected::Address | Expected::Level | Expected::Text { .. }) => {
            Value::from(setting.value.trim())
        }
        None => Value::from(setting.value),
    };
    match table.get_mut(setting.name).and_then(Item::as_value_mut) {
        Some(old) => {
            // A comment behind the old value stays behind the new one.
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(setting.name, Item::Value(value));
        }
    }
    Some(())
}

/// Replaces the file at `path` atomically and durably, with mode 0600.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let Some(directory) = path.parent() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    fs::create_dir_all(directory)?;
    let new = path.with_extension("toml.new");
    // What a crash left behind; made anew so that its mode is ours from the first byte.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::{Sources, load};

    #[test]
    fn comments_stay_and_the_file_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        let path = etc.join("local.toml");
        fs::write(&path, "# mine\n[http]\nport = 1 # why\nbind = \"::1\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();

        let set = |section, name, value| {
            write_local(root.path(), &LocalSetting { section, name, value }).unwrap();
        };
        set("http", "port", "2");
        set("admins", "anna", "-pbkdf2:sha256-00,00,1");
        set("admins", "o\"d.d", "x");

        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\n[http]\nport = 2 # why\nbind = \"::1\"\n"), "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&etc).unwrap().count(), 1);

        let sources = Sources { root: root.path().to_owned(), ..Sources::default() };
        let settings = load(&sources).unwrap();
        assert_eq!(settings.http.port, 2);
        assert_eq!(settings.admins["anna"], "-pbkdf2:sha256-00,00,1");
        assert_eq!(settings.admins["o\"d.d"], "x");
    }

    #[test]
    fn the_node_does_not_write_what_it_could_not_read() {
        let root = tempfile::tempdir().unwrap();
        let write =
            |section, name, value| write_local(root.path(), &LocalSetting { section, name, value });
        assert!(write("http", "port", "99999").is_err());
        assert!(write("http", "prot", "1").is_err());
        assert!(write("admins", "a:b", "x").is_err());
        assert!(write("admins", "a", "").is_err());
        assert!(!root.path().join("etc/local.toml").exists());
    }

    #[test]
    fn the_file_and_its_directory_are_made() {
        let root = tempfile::tempdir().unwrap();
        let setting = LocalSetting { section: "log", name: "level", value: "debug" };
        write_local(root.path(), &setting).unwrap();
        let path = root.path().join("etc/local.toml");
        assert_eq!(fs::read_to_string(path).unwrap(), "[log]\nlevel = \"debug\"\n");
    }
}
