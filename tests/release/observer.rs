//! `refuge top` in a real terminal: tmux is one, and tells what is on its screen.

use std::process::Command;

use refuge_tests::{Node, Options, eventually};

/// A terminal of 100 columns and 30 lines with one program in it.
struct Terminal {
    /// tmux's own server, apart from any other.
    server: String,
}

impl Terminal {
    fn run(program: &[&str]) -> Self {
        let terminal = Self { server: format!("refuge-{}", rand::random::<u64>()) };
        let size = ["-x", "100", "-y", "30"];
        let begin = ["-f", "/dev/null", "new-session", "-d"];
        terminal.tmux(&[&begin[..], &size[..], program].concat());
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let told = Command::new("tmux")
            .args(["-L", &self.server])
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("tmux");
        String::from_utf8_lossy(&told.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until the screen holds this; the screen.
    async fn shows(&self, piece: &str) -> String {
        eventually(&format!("the screen shows {piece:?}"), || async {
            let screen = self.screen();
            screen.contains(piece).then_some(screen)
        })
        .await
    }

    fn types(&self, keys: &str) {
        self.tmux(&["send-keys", keys]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[tokio::test]
async fn the_observer_shows_a_node_and_kills_an_actor_that_is_chosen() {
    let node = Node::start(Options::default());
    node.client().put_nothing("/cities").await.expect(201);
    let program = refuge_tests::program();
    let root = node.root().to_str().unwrap();
    let terminal = Terminal::run(&[program.to_str().unwrap(), "top", "--root", root]);
    let screen = terminal.shows("q quit").await;
    for piece in ["root", "  kernel", "    configuration", "requests/s", "disk left"] {
        assert!(screen.contains(piece), "{piece} is not in\n{screen}");
    }
    terminal.types("/");
    terminal.types("expiry");
    terminal.types("Enter");
    terminal.shows("root/databases/expiry").await;
    terminal.types("x");
    terminal.shows("kill root/databases/expiry?").await;
    terminal.types("y");
    terminal.shows("root/databases/expiry was killed").await;
    terminal.types("Home");
    terminal.shows("restarted: root/databases/").await;
    terminal.types("3");
    terminal.shows("PROGRESS").await;
    terminal.types("q");
    // tmux's server ends with its last program.
    eventually("the observer ends", || async { terminal.screen().is_empty().then_some(()) }).await;
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let node = Node::start(Options::default());
    let told = node.refuge(&["top"]);
    assert_eq!(told.code, Some(69), "{}", told.errors);
    assert!(told.errors.contains("refuge eval tree"), "{}", told.errors);
}
