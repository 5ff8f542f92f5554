//! The tree's picture, its specifications and the running node tell one story.

use std::sync::Arc;

use refuge_config::{Settings, Sources};
use refuge_otp::{Outline, picture};
use refuge_supervisors::{Parts, specification};
use refuge_tests::{Node, Options};

fn specified() -> Outline {
    let sources = Sources { root: std::env::temp_dir(), ..Sources::default() };
    Outline::from(&specification(&Parts::new(sources, Settings::default(), None, Arc::new(|_| ()))))
}

#[test]
fn the_readme_shows_the_tree() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../supervisors/README.md");
    let readme = std::fs::read_to_string(readme).expect("supervisors/README.md");
    let drawn = picture(specified());
    assert!(
        readme.contains(drawn.trim_end()),
        "supervisors/README.md does not hold this picture:\n{drawn}"
    );
}

#[tokio::test]
async fn the_running_node_is_what_is_specified() {
    let node = Node::start(Options::default());
    let live = Outline::from(&node.console().tree().await.expect("a tree"));
    assert_eq!(bare(&specified()), bare(&live));
}

/// Names, strategies and restarts of what is not added at run time.
fn bare(outline: &Outline) -> String {
    let mut outline = outline.clone();
    strip(&mut outline);
    picture(&outline)
}

fn strip(outline: &mut Outline) {
    outline.because = None;
    outline.children.retain(|child| !child.added);
    outline.children.iter_mut().for_each(strip);
}
