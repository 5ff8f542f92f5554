//! The prompt of the console, and what a line that is wrong is told.

use refuge_tests::Release;

#[test]
fn a_prompt_attaches_to_a_running_node_and_leaves_it_running() {
    let release = Release::unpack();
    release.start();
    let typed = "tree\nkill nobody\nhelp kill\ntere\nevents\nquit\n";
    let told = release.refuge_with(&["remote_console"], typed);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    for piece in [
        "├─ kernel",
        "no actor is called \"nobody\"",
        "end one actor at once",
        "did you mean tree?",
        "started",
    ] {
        assert!(told.output.contains(piece), "{piece} is not in {}", told.output);
    }
    assert_eq!(release.well(&["ping"]), "pong\n");
}

#[test]
fn another_user_is_refused_whatever_the_mode_of_the_socket_is() {
    use std::os::unix::fs::PermissionsExt;

    if !rustix::process::geteuid().is_root() {
        // Nobody else can be here: what decides is tested beside it (actors/console_listener.rs).
        return;
    }
    let release = Release::unpack();
    release.start();
    let root = release.root();
    let opened =
        [("..", 0o755), ("var", 0o755), ("var/run", 0o755), ("var/run/console.sock", 0o666)];
    for (path, mode) in opened {
        std::fs::set_permissions(root.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut stranger = std::process::Command::new("setpriv");
    stranger.args(["--reuid=65533", "--regid=65533", "--clear-groups", "--"]);
    let told = stranger.arg(root.join("bin/refuge")).arg("ping").output().unwrap();
    let errors = String::from_utf8(told.stderr).unwrap();
    assert!(!told.status.success() && errors.contains("only the user"), "{errors}");
    assert_eq!(release.well(&["ping"]), "pong\n", "its own user");
}

#[test]
fn a_node_with_a_prompt_ends_with_it() {
    let release = Release::unpack();
    let told = release.refuge_with(&["console"], "ping\nquit\n");
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.output.contains("pong"), "{}", told.output);
    assert_eq!(release.refuge(&["ping"]).code, Some(69));
    let logs = std::fs::read_dir(release.root().join("var/log")).unwrap();
    let logs: Vec<_> = logs.map(|entry| entry.unwrap().file_name()).collect();
    assert!(logs.iter().any(|name| name.to_string_lossy().starts_with("refuge.log.")), "{logs:?}");
}

#[test]
fn a_prompt_that_loses_its_session_gets_another_one() {
    let release = Release::unpack();
    let typed = "kill console-sessions\nping\nping\nping\nquit\n";
    let told = release.refuge_with(&["console"], typed);
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.output.contains("pong"), "{}{}", told.output, told.errors);
    assert!(!told.errors.contains("/_setup/"), "there is an admin: {}", told.errors);
}

#[test]
fn who_has_no_admin_is_told_before_the_prompt_how_to_make_one() {
    let release = Release::without_admin();
    let told = release.refuge_with(&["console"], "ping\nquit\n");
    assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    assert!(told.errors.contains("/_setup/"), "{}", told.errors);
}

#[test]
fn the_log_is_read_and_set_on_the_console() {
    let release = Release::unpack();
    release.start();
    assert!(release.well(&["eval", "log 50"]).contains("starting"));
    let told = release.well(&["rpc", "log", "level", "debug", "refuge_http"]);
    assert_eq!(told, "{\"level\":\"info\",\"modules\":\"refuge_http=debug\"}\n");
    let told = release.refuge(&["eval", "log level loud"]);
    assert_eq!(told.code, Some(64));
    assert!(told.errors.contains("debug"), "{}", told.errors);
}
