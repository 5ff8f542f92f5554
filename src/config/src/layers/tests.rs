//! What each layer does, and what a wrong one is answered.

use std::path::{Path, PathBuf};

use super::*;
use crate::LogLevel;

struct Fixture {
    root: tempfile::TempDir,
    sources: Sources,
}

impl Fixture {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let sources = Sources { root: root.path().to_owned(), ..Sources::default() };
        Self { root, sources }
    }

    fn write(&self, name: impl AsRef<Path>, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn environment(&mut self, name: &str, value: &str) {
        self.sources.environment.push((name.to_owned(), value.to_owned()));
    }

    fn set(&mut self, text: &str) {
        self.sources.overrides.push(text.to_owned());
    }

    fn load(&self) -> Settings {
        load(&self.sources).unwrap()
    }

    fn sentence(&self) -> String {
        let sentence = load(&self.sources).unwrap_err().to_string();
        assert!(!sentence.contains('\n'), "{sentence}");
        sentence.replace(&*self.root.path().to_string_lossy(), "ROOT")
    }
}

#[test]
fn an_empty_root_gives_the_defaults() {
    let settings = Fixture::new().load();
    assert_eq!(settings.http.bind.to_string(), "127.0.0.1");
    assert_eq!(settings.http.port, 5984);
    assert_eq!(settings.databases.shards, 2);
    assert_eq!(settings.log.level, LogLevel::Info);
    assert!(settings.admins.is_empty());
    assert!(settings.origin("http", "port").is_none());
}

#[test]
fn each_layer_beats_the_one_before() {
    let mut fixture = Fixture::new();
    let port = |fixture: &Fixture| fixture.load().http.port;
    fixture.write("etc/refuge.toml", "[http]\nport = 1\n");
    assert_eq!(port(&fixture), 1);
    let first = fixture.write("first.toml", "http.port = 2");
    fixture.sources.files.push(first);
    assert_eq!(port(&fixture), 2);
    let second = fixture.write("second.toml", "http = { port = 3 }");
    fixture.sources.files.push(second);
    assert_eq!(port(&fixture), 3);
    fixture.write("etc/local.toml", "[http]\nport = 4\n");
    assert_eq!(port(&fixture), 4);
    fixture.environment("REFUGE_HTTP__PORT", "5");
    assert_eq!(port(&fixture), 5);
    fixture.set("http.port=6");
    assert_eq!(port(&fixture), 6);
    fixture.set("http.port=7");
    assert_eq!(port(&fixture), 7);
    assert_eq!(fixture.load().origin("http", "port"), Some(&Place::CommandLine));
}

#[test]
fn the_environment_makes_admins_with_lower_case_names() {
    let mut fixture = Fixture::new();
    fixture.environment("REFUGE_ADMINS__ANNA", "Geheim=1");
    fixture.environment("REFUGE_EVENT", "started");
    fixture.environment("HOME", "/nowhere");
    fixture.set("http.bind=0.0.0.0");
    let settings = fixture.load();
    assert_eq!(settings.admins["anna"], "Geheim=1");
    let origin = settings.origin("admins", "anna");
    assert!(matches!(origin, Some(Place::Environment { .. })), "{origin:?}");
    assert!(!format!("{settings:?}").contains("Geheim"));
}

#[test]
fn without_an_admin_only_loopback_is_taken() {
    for open in ["0.0.0.0", "::", "192.168.1.1", "::ffff:10.0.0.1"] {
        let mut fixture = Fixture::new();
        fixture.set(&format!("http.bind={open}"));
        let sentence = fixture.sentence();
        assert!(sentence.contains("listens on loopback only while no admin exists"), "{sentence}");
        fixture.set("admins.anna=x");
        assert_eq!(fixture.load().http.bind.to_string(), open);
    }
    for closed in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        let mut fixture = Fixture::new();
        fixture.set(&format!("http.bind={closed}"));
        fixture.load();
    }
}

#[test]
fn a_wrong_key_is_answered_with_the_nearest_right_one() {
    let mut fixture = Fixture::new();
    fixture.write("etc/refuge.toml", "[http]\nbind = \"::1\"\nprot = 1\n");
    assert_eq!(
        fixture.sentence(),
        "ROOT/etc/refuge.toml, line 3: there is no setting \"http.prot\"; the nearest is \"http.port\""
    );
    fixture.write("etc/refuge.toml", "\nport = 1\n");
    assert_eq!(
        fixture.sentence(),
        "ROOT/etc/refuge.toml, line 2: there is no setting \"port\"; the nearest is \"http.port\""
    );
    fixture.write("etc/refuge.toml", "");
    fixture.environment("REFUGE_LOG__LEVELS", "info");
    assert_eq!(
        fixture.sentence(),
        "environment variable REFUGE_LOG__LEVELS: there is no setting \"log.levels\"; the nearest is \"log.level\""
    );
}

#[test]
fn a_wrong_value_is_told_with_its_place_and_what_is_right() {
    let fixture = Fixture::new();
    let cases = [
        ("http.port = 65536", "http.port must be a whole number from 0 to 65535, not 65536"),
        ("http.port = -1", "http.port must be a whole number from 0 to 65535, not -1"),
        ("http.port = \"1\"", "http.port must be a whole number from 0 to 65535, not \"1\""),
        (
            "http.port = [1]",
            "http.port must be a whole number from 0 to 65535, not a value of type array",
        ),
        (
            "http.bind = 1",
            "http.bind must be an IP address such as \"127.0.0.1\" or \"::1\", not 1",
        ),
        (
            "log.level = \"loud\"",
            "log.level must be one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", not \"loud\"",
        ),
        ("http = 1", "\"http\" is a section: write its settings as http.NAME = VALUE"),
        (
            "storage.journal_bytes = 1",
            "storage.journal_bytes must be a whole number from 67108864 to 1099511627776, not 1",
        ),
    ];
    for (text, expected) in cases {
        fixture.write("etc/refuge.toml", text);
        assert_eq!(fixture.sentence(), format!("ROOT/etc/refuge.toml, line 1: {expected}"));
    }
}

#[test]
fn an_admin_that_cannot_log_in_is_refused_without_telling_the_password() {
    let fixture = Fixture::new();
    let cases = [
        "\"a:b\" = \"s3cret\"",
        "_x = \"s3cret\"",
        "anna = \"\"",
        "anna = [\"s3cret\"]",
        "\"\" = \"s3cret\"",
    ];
    for text in cases {
        fixture.write("etc/refuge.toml", &format!("[admins]\n{text}\n"));
        let sentence = fixture.sentence();
        assert!(sentence.starts_with("ROOT/etc/refuge.toml, line 2: "), "{sentence}");
        assert!(!sentence.contains("s3cret"), "{sentence}");
    }
}

#[test]
fn broken_files_are_told_in_one_sentence() {
    let mut fixture = Fixture::new();
    fixture.write("etc/refuge.toml", "[http]\nport = \n");
    let sentence = fixture.sentence();
    assert!(sentence.starts_with("ROOT/etc/refuge.toml, line 2: this is not TOML: "), "{sentence}");
    fixture.write("etc/refuge.toml", "[http]\nport = 1\nport = 2\n");
    let sentence = fixture.sentence();
    assert!(sentence.starts_with("ROOT/etc/refuge.toml, line 3: "), "{sentence}");
    fs::write(fixture.root.path().join("etc/refuge.toml"), b"\xff").unwrap();
    let sentence = fixture.sentence();
    assert!(sentence.starts_with("ROOT/etc/refuge.toml: cannot be read: "), "{sentence}");
    fixture.write("etc/refuge.toml", "");
    let missing = fixture.root.path().join("missing.toml");
    fixture.sources.files.push(missing);
    let sentence = fixture.sentence();
    assert!(sentence.starts_with("ROOT/missing.toml: cannot be read: "), "{sentence}");
}

#[test]
fn set_needs_a_key_and_a_value() {
    for text in ["http.port", "port=1", "=", ""] {
        let mut fixture = Fixture::new();
        fixture.set(text);
        let sentence = fixture.sentence();
        assert!(sentence.starts_with("--set takes section.key=value"), "{sentence}");
    }
}

#[test]
fn a_node_calls_itself_what_a_peer_can_be_called() {
    for name in ["", "kitchen", "Anna's laptop"] {
        let mut fixture = Fixture::new();
        fixture.set(&format!("mesh.name={name}"));
        assert_eq!(fixture.load().mesh.name, name);
    }
    for name in ["group:x", "*", "a\u{202E}b", "ABCDEFGHIJKLM", &"A".repeat(52), &"x".repeat(65)] {
        let mut fixture = Fixture::new();
        fixture.set(&format!("mesh.name={name}"));
        let sentence = fixture.sentence();
        assert!(sentence.contains("mesh.name must be empty or a name"), "{sentence}");
        assert!(sentence.contains("nor beginning with \"group:\""), "{sentence}");
    }
}

#[test]
fn a_listener_for_tls_needs_a_port_of_its_own_and_a_certificate() {
    let told = |settings: &[&str]| {
        let mut fixture = Fixture::new();
        fixture.set("ssl.enabled=true");
        settings.iter().for_each(|setting| fixture.set(setting));
        load(&fixture.sources).map_or_else(|error| error.to_string(), |_| String::new())
    };
    let certificate = ["ssl.cert_file=a", "ssl.key_file=b"];
    assert!(told(&certificate).starts_with("ssl.port has to be given"));
    let mesh = told(&["ssl.port=6984", "ssl.cert_file=a", "ssl.key_file=b"]);
    assert!(mesh.starts_with("ssl.port is mesh.port") && mesh.contains("6984"), "{mesh}");
    assert!(told(&["ssl.port=5986", "ssl.cert_file=a"]).contains("ssl.key_file"));
    let given = ["ssl.port=5986", "ssl.cert_file=a", "ssl.key_file=b"];
    assert_eq!(told(&given), "");
    let with = |further: &str| told(&[&given[..], &[further]].concat());
    assert!(with("ssl.bind=0.0.0.0").starts_with("ssl.bind is 0.0.0.0"));
    assert!(with("ssl.verify_ssl_certificates=true").contains("ssl.cacert_file"));
    assert!(with("ssl.client_name=email").contains("need ssl.verify_ssl_certificates"));
}
