//! Other people's client signing in: nano with cookies.

use refuge_tests::Program;

use crate::{make_user, node_with_users, options};

#[tokio::test]
async fn nano_signs_in_with_a_cookie() {
    let node = node_with_users(options()).await;
    make_user(&node, "anna", "apple", &["reader"]).await;
    let url = format!("http://{}", node.address());
    Program::node("sessions.mjs", &[&url, "anna", "apple"]).ends_well().await;
}
