//! Small questions to another node.

use refuge_client::{AskError, Question, ask};
use serde_json::json;

use crate::node::{BERT, Node};

fn question<'a>(path: &'a str, body: Option<&'a serde_json::Value>) -> Question<'a> {
    Question { authority: BERT.id.to_string(), path, body }
}

#[tokio::test]
async fn a_question_is_answered_and_its_connection_ends() {
    let node = Node::default();
    let (link, server) = node.dial().await;
    let body = json!({"token": "abc"});
    let answered = ask(link.io, question("/echo", Some(&body))).await.unwrap();
    assert_eq!(answered.body, body);
    assert!(answered.date.is_some());
    server.await.unwrap();
    let (link, _) = node.dial().await;
    let answered = ask(link.io, question("/", None)).await.unwrap();
    assert_eq!(answered.body["update_seq"], "7-x");
    assert_eq!(*node.lines.lock().unwrap(), ["POST /echo", "GET /"]);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_others_words() {
    let node = Node::default();
    let (link, _) = node.dial().await;
    match ask(link.io, question("/refuse", None)).await {
        Err(AskError::Refused { status: 403, reason }) => {
            assert!(reason.contains("you are not trusted here"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let (link, _) = node.dial().await;
    let nonsense = ask(link.io, question("no path", None)).await;
    assert!(matches!(nonsense, Err(AskError::Address(_))), "{nonsense:?}");
}
