//! `/_mesh/messages`: what applications on two nodes say to each other. `POST` sends, `GET` tells what came,
//! with the kinds of feeds of `_changes`. For server admins and whoever has the role `app:<name>` of the
//! application.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::feed::{
    self, NumberedFeed, NumberedFeedOptions, NumberedPage, NumberedRequest, NumberedSource,
};
use crate::node::{MessagesRequest, NewMessage, Node};
use crate::node_events::{Parameters, Since};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::user::User;

/// Bytes of a request that sends: the longest message, and what is told beside it.
const SENDING_BYTES: usize = refuge_mesh::LONGEST_MESSAGE_BYTES + 1024;
/// What the roles of those begin with who may speak for an application.
const ROLE: &str = "app:";

/// Sends, or tells what came.
pub(crate) async fn messages(
    node: &Arc<dyn Node>,
    request: &mut Request,
) -> Result<Reply, Failure> {
    if request.method == Method::POST {
        return send(node.as_ref(), request).await;
    }
    reply::allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD,POST")?;
    let named = request.query.iter().find(|(name, _)| *name == "app");
    let application = named.map(|(_, value)| value.to_owned());
    check(&request.user, application.as_deref())?;
    let Parameters { feed, since, limit, patience } =
        Parameters::parse(&request.query, request.header("last-event-id"))?;
    let patience = patience.within(request.rules.longest_wait);
    let source = Messages { node: node.clone(), application };
    let newest = source.page(NumberedRequest { after: 0, limit: 0, descending: false }).await?.last;
    let after = match since {
        Since::Number(number) => number.min(newest),
        Since::Now => newest,
    };
    let options = NumberedFeedOptions { feed, after, limit, descending: false, patience };
    let feed = NumberedFeed::new(source, options, request.session.shutdown().clone());
    Ok(feed::answer(options.feed, |sender| feed.run(sender)))
}

/// What is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sending {
    to: String,
    app: String,
    body: Value,
}

async fn send(node: &dyn Node, request: &mut Request) -> Result<Reply, Failure> {
    // Before its body is read: nobody in particular may not.
    if request.user.name.is_none() && !request.user.is_server_admin() {
        return Err(refusal(&request.user));
    }
    request.check_json()?;
    let Sending { to, app, body } = request.json(SENDING_BYTES).await?;
    check(&request.user, Some(&app))?;
    let message = NewMessage { to, application: app, body: body.to_string() };
    reply::json_value(StatusCode::ACCEPTED, &node.send_message(message).await?)
}

/// Whether somebody may read and send messages of an application; admins those of all.
fn check(user: &User, application: Option<&str>) -> Result<(), Failure> {
    let may = |name: &str| {
        user.roles.iter().any(|role| role.strip_prefix(ROLE).is_some_and(|app| app == name))
    };
    if user.is_server_admin() || application.is_some_and(may) { Ok(()) } else { Err(refusal(user)) }
}

fn refusal(user: &User) -> Failure {
    let reason = "messages are for server admins and for the role app:<name of the application>";
    match user.name {
        None => Failure::Unauthorized(reason.to_owned()),
        Some(_) => Failure::Forbidden(reason.to_owned()),
    }
}

/// The messages as rows of a feed.
struct Messages {
    node: Arc<dyn Node>,
    application: Option<String>,
}

impl NumberedSource for Messages {
    async fn page(&self, request: NumberedRequest) -> Result<NumberedPage, Failure> {
        let NumberedRequest { after, limit, .. } = request;
        let application = self.application.clone();
        let page = self.node.messages(MessagesRequest { application, after, limit }).await?;
        let rows = page.messages.into_iter();
        let rows = rows.map(|(number, told)| (number, told.to_string().into_bytes()));
        Ok(NumberedPage { rows: rows.collect(), last: page.last, missed: page.missed })
    }

    async fn beyond(&self, number: u64) -> Result<u64, Failure> {
        self.node.messages_beyond(self.application.clone(), number).await
    }

    fn write_number(&self, out: &mut Vec<u8>, number: u64) {
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: Option<&str>, role: &str) -> User {
        User { name: name.map(str::to_owned), roles: vec![role.to_owned()] }
    }

    #[test]
    fn an_application_speaks_for_itself_alone() {
        let chat = user(Some("chat"), "app:chat");
        assert_eq!(check(&chat, Some("chat")), Ok(()));
        assert!(matches!(check(&chat, Some("mail")), Err(Failure::Forbidden(_))));
        assert!(matches!(check(&chat, None), Err(Failure::Forbidden(_))));
        assert!(matches!(check(&user(None, "_peer"), None), Err(Failure::Unauthorized(_))));
        assert!(matches!(
            check(&user(Some("x"), "app:"), Some("chat")),
            Err(Failure::Forbidden(_))
        ));
        let admin = user(Some("anna"), "_admin");
        assert_eq!((check(&admin, None), check(&admin, Some("chat"))), (Ok(()), Ok(())));
    }
}
