//! `--set`, `--config`, `etc/*.toml`, the environment: their order, and what is wrong in them.

use std::fs;
use std::path::Path;

use refuge_tests::{Client, Node, Options};
use tempfile::TempDir;

/// A root with these files under `etc/`.
fn root(files: &[(&str, &str)]) -> std::sync::Arc<TempDir> {
    let root = tempfile::Builder::new().prefix("refuge-").tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    for (name, text) in files {
        fs::write(root.path().join("etc").join(name), text).unwrap();
    }
    std::sync::Arc::new(root)
}

/// Wrong configuration: code 78 and one clear sentence that holds `words`.
#[track_caller]
fn refused(root: &Path, options: &Options, words: &[&str]) {
    let (code, output, errors) = Node::refusal(root, options);
    assert_eq!(code, Some(78), "{errors}");
    assert_eq!(output, "", "standard output holds nothing but the line that it listens");
    let sentences: Vec<_> = errors.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(sentences.len(), 1, "one clear sentence: {errors}");
    for word in words {
        assert!(errors.contains(word), "{word:?} is not named in {errors}");
    }
}

async fn admits(node: &Node, name: &str, password: &str) -> bool {
    let client = Client::with_credentials(node.address(), name, password);
    client.get("/_all_dbs").await.status == 200
}

#[test]
fn wrong_configuration_stops_with_one_sentence() {
    let empty = root(&[]);
    let set = |setting: &str| Options::default().set(setting);
    refused(empty.path(), &set("http.port=many"), &["http.port"]);
    refused(empty.path(), &set("http.port=70000"), &["http.port"]);
    refused(empty.path(), &set("http.prot=5984"), &["http.prot"]);
    refused(empty.path(), &set("http.bind=nowhere.at.all"), &["http.bind"]);
    refused(empty.path(), &set("nonsense"), &["--set", "section.key=value"]);
    let environment = Options::default().environment("REFUGE_HTTP__BIND", "nonsense here");
    refused(empty.path(), &environment, &["BIND"]);
    let arguments = ["--config", "/nowhere/at/all.toml"].map(str::to_owned).to_vec();
    let missing = Options { arguments, ..Options::default() };
    refused(empty.path(), &missing, &["/nowhere/at/all.toml"]);
    let broken = root(&[("refuge.toml", "[http\nport = 1")]);
    refused(broken.path(), &Options::default(), &["refuge.toml"]);
    let unknown = root(&[("refuge.toml", "[http]\nprot = 1")]);
    refused(unknown.path(), &Options::default(), &["refuge.toml", "prot"]);
}

/// Found when the node starts, so that its log has begun; what ends it is told all the same.
#[track_caller]
fn no_hash(root: &Path, options: &Options) {
    let (code, output, errors) = Node::refusal(root, options);
    assert_eq!((code, output.as_str()), (Some(78), ""), "{errors}");
    let sentence = errors.lines().last().unwrap_or_default();
    assert!(sentence.starts_with("refuge: ") && sentence.contains("admins.alice"), "{errors}");
}

#[test]
fn a_malformed_hash_is_no_password() {
    let empty = root(&[]);
    for hash in [
        "-pbkdf2-",
        "-pbkdf2-abc",
        "-pbkdf2-zz,salt,10",
        "-pbkdf2:sha1024-00,salt,10",
        "-pbkdf2:sha256-00,salt,0",
        "-pbkdf2:sha256-00,salt,many",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA",
        "-hashed-00,salt",
    ] {
        let options = Options::without_admin().set(&format!("admins.alice={hash}"));
        no_hash(empty.path(), &options);
    }
    let file = root(&[("local.toml", "[admins]\nalice = \"-pbkdf2-nonsense\"\n")]);
    no_hash(file.path(), &Options::without_admin());
    let written = fs::read_to_string(file.path().join("etc/local.toml")).unwrap();
    assert!(written.contains("\"-pbkdf2-nonsense\""), "it is left as it was: {written}");
}

#[tokio::test]
async fn later_sources_win() {
    let folder = root(&[
        (
            "refuge.toml",
            "[admins]\na = \"one\"\nb = \"one\"\nc = \"one\"\nd = \"one\"\ne = \"one\"\n",
        ),
        ("local.toml", "[admins]\nc = \"three\"\nd = \"three\"\ne = \"three\"\n"),
    ]);
    let further = folder.path().join("further.toml");
    fs::write(&further, "[admins]\nb = \"two\"\nc = \"two\"\nd = \"two\"\ne = \"two\"\n").unwrap();
    let mut options = Options::without_admin().environment("REFUGE_ADMINS__D", "four");
    options = options.environment("REFUGE_ADMINS__E", "four").set("admins.e=five");
    options.arguments = vec!["--config".to_owned(), further.to_str().unwrap().to_owned()];
    let node = Node::start_under(folder, options);
    for (name, password) in
        [("a", "one"), ("b", "two"), ("c", "three"), ("d", "four"), ("e", "five")]
    {
        assert!(admits(&node, name, password).await, "{name} is {password}");
        assert!(!admits(&node, name, "zero").await);
    }
    assert!(!admits(&node, "e", "four").await);
}

#[tokio::test]
async fn admins_of_the_environment_are_in_lower_case() {
    let node = Node::start(Options::without_admin().environment("REFUGE_ADMINS__ALICE", "Secret"));
    assert!(admits(&node, "alice", "Secret").await);
    assert!(!admits(&node, "ALICE", "Secret").await);
}

#[tokio::test]
async fn passwords_are_hashed_when_written_back() {
    let folder = root(&[("local.toml", "# kept\n[admins]\nalice = \"in the clear\"\n")]);
    let mut node = Node::start_under(folder.clone(), Options::without_admin());
    assert!(admits(&node, "alice", "in the clear").await);
    let written = || fs::read_to_string(folder.path().join("etc/local.toml")).unwrap();
    let hashed = || async { (!written().contains("in the clear")).then_some(()) };
    refuge_tests::eventually("the password is hashed", hashed).await;
    assert!(written().contains("$argon2id$"), "{}", written());
    assert!(written().contains("# kept"), "the person's comments stay: {}", written());
    node.restart();
    assert!(admits(&node, "alice", "in the clear").await);
}

#[tokio::test]
async fn standard_output_holds_one_line() {
    let node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    node.client().get("/_all_dbs").await.expect(200);
    assert_eq!(node.further_output(), Vec::<String>::new());
}

#[test]
fn version_and_help_are_told() {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("refuge");
    for argument in ["--version", "--help"] {
        let told = std::process::Command::new(&binary).arg(argument).output().unwrap();
        assert!(told.status.success(), "{told:?}");
        assert!(String::from_utf8_lossy(&told.stdout).contains("refuge"));
    }
}
