//! Writing `etc/local.toml`, the one file that the node writes. One actor at a time calls this; it
//! locks nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use refuge_failpoints::{Failpoint, pass};
use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::couchdb::{Meaning, meaning};
use crate::error::{ConfigurationError, Place, WriteError};
use crate::layers::{self, Assignment, KEPT};
use crate::layout::Layout;
use crate::settings::Settings;

/// A setting to be written.
#[derive(Clone, Copy)]
pub struct LocalSetting<'a> {
    /// Section, by our name or CouchDB's, `admins` among them.
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
    let text = read(&path)?;
    check(&path, &text, Some(setting))?;
    let mut document = parse(&path, &text)?;
    let value = setting.to_toml();
    let table = tables(setting.section, setting.name)
        .iter()
        .try_fold(document.as_table_mut() as &mut dyn TableLike, |table, name| {
            table.entry(name).or_insert_with(section).as_table_like_mut()
        });
    let table = table.ok_or_else(|| ConfigurationError::NotASection {
        place: Place::Local { path: path.clone(), line: 0 },
        section: setting.section.to_owned(),
    })?;
    put(table, own_name(setting.section, setting.name), value);
    replace(&path, &document.to_string()).map_err(|source| WriteError::Unwritable { path, source })
}

/// Takes one setting out of `etc/local.toml` under `root`, by our name or CouchDB's, with the comments
/// that belong to it; all else is as with [`write_local`]. Says whether it stood there. Blocks.
pub fn remove_local(root: &Path, section: &str, name: &str) -> Result<bool, WriteError> {
    let path = Layout::new(root).local_file();
    let text = read(&path)?;
    check(&path, &text, None)?;
    let mut document = parse(&path, &text)?;
    let table = tables(section, name)
        .iter()
        .try_fold(document.as_table_mut() as &mut dyn TableLike, |table, name| {
            table.get_mut(name)?.as_table_like_mut()
        });
    if table.and_then(|table| table.remove(own_name(section, name))).is_none() {
        return Ok(false);
    }
    replace(&path, &document.to_string())
        .map_err(|source| WriteError::Unwritable { path, source })?;
    Ok(true)
}

/// The tables in which a setting stands, from the outermost to the innermost.
fn tables<'a>(section: &'a str, name: &str) -> Vec<&'a str> {
    match meaning(section, name) {
        Meaning::Ours(key) => vec![key.section],
        Meaning::Admin | Meaning::Unknown => vec![section],
        Meaning::Kept | Meaning::Forbidden(_) => vec![KEPT, section],
    }
}

/// What a setting is called in its table.
fn own_name<'a>(section: &str, name: &'a str) -> &'a str {
    match meaning(section, name) {
        Meaning::Ours(key) => key.name,
        _ => name,
    }
}

/// A new section; one that holds only sections is not written by itself.
fn section() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

impl LocalSetting<'_> {
    fn to_toml(self) -> Value {
        let known = match meaning(self.section, self.name) {
            Meaning::Ours(key) => key.to_toml(self.value),
            _ => None,
        };
        known.unwrap_or_else(|| Value::from(self.value))
    }
}

fn put(table: &mut dyn TableLike, name: &str, mut value: Value) {
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            // A comment behind the old value stays behind the new one.
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(name, Item::Value(value));
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigurationError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(ConfigurationError::Unreadable { path: path.to_owned(), source }),
    }
}

fn parse(path: &Path, text: &str) -> Result<DocumentMut, ConfigurationError> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let place = Place::Local { path: path.to_owned(), line: 0 };
        ConfigurationError::Syntax { place, message: error.message().to_owned() }
    })
}

/// The file as it is and the new setting must both be right: what is written here is read at the
/// next start, and a node must not keep itself from starting.
fn check(
    path: &Path,
    text: &str,
    setting: Option<&LocalSetting<'_>>,
) -> Result<(), ConfigurationError> {
    let mut scratch = Settings::default();
    layers::File { path, text, local: true }.read_into(&mut scratch)?;
    let Some(setting) = setting else { return Ok(()) };
    let place = Place::Local { path: path.to_owned(), line: 0 };
    let assignment = Assignment { section: setting.section, name: setting.name, place };
    assignment.apply_by_meaning(&mut scratch, setting.value)
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
    pass(Failpoint::SettingsWritten);
    fs::rename(&new, path)?;
    pass(Failpoint::SettingsReplaced);
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
    fn couchdbs_names_write_our_keys_and_what_has_no_effect_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let set = |section, name, value| {
            write_local(root.path(), &LocalSetting { section, name, value }).unwrap();
        };
        set("chttpd", "require_valid_user", "true");
        set("couchdb", "max_attachment_size", "infinity");
        set("smoosh.ratio_dbs", "min_priority", "2.0");
        set("chttpd", "buffer_response", "true");
        let path = root.path().join("etc/local.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "[http]\nrequire_valid_user = true\n\n[limits]\nmax_attachment_size = \"infinity\"\n\n\
             [kept.\"smoosh.ratio_dbs\"]\nmin_priority = \"2.0\"\n\n\
             [kept.chttpd]\nbuffer_response = \"true\"\n"
        );
        let sources = Sources { root: root.path().to_owned(), ..Sources::default() };
        let settings = load(&sources).unwrap();
        assert!(settings.http.require_valid_user);
        let kept = ("smoosh.ratio_dbs".to_owned(), "min_priority".to_owned());
        assert_eq!(settings.kept[&kept], "2.0");
        assert!(remove_local(root.path(), "httpd", "enable_cors").is_ok_and(|was| !was));
        assert!(remove_local(root.path(), "chttpd", "buffer_response").unwrap());
        assert!(remove_local(root.path(), "smoosh.ratio_dbs", "min_priority").unwrap());
        assert!(remove_local(root.path(), "chttpd", "require_valid_user").unwrap());
        let settings = load(&sources).unwrap();
        assert!(settings.kept.is_empty() && !settings.http.require_valid_user);
    }

    #[test]
    fn what_is_taken_out_leaves_the_other_comments() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let path = root.path().join("etc/local.toml");
        fs::write(
            &path,
            "# mine\n[http]\nport = 1 # why\n# its own\nheader_seconds = 9\n\n# end\n",
        )
        .unwrap();
        assert!(remove_local(root.path(), "http", "header_seconds").unwrap());
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "# mine\n[http]\nport = 1 # why\n\n# end\n");
        fs::write(&path, "[http\n").unwrap();
        assert!(remove_local(root.path(), "http", "port").is_err());
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
