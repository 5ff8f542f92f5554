//! Local documents of somebody who does not see all: each user has local documents of their own, since
//! checkpoints of others tell how far the database has come. Admins see them under longer ids.

use refuge_http::{IdsRequest, LocalsPage, READERS, User};

/// What stands before the ids of a user's local documents. The name's length keeps names apart that begin
/// alike; who has no name has no length either.
fn prefix(user: &User) -> String {
    match &user.name {
        Some(name) => format!("{READERS}{}/{name}/", name.len()),
        None => format!("{READERS}/"),
    }
}

/// The id under which a user's local document is stored.
pub(in crate::node_service) fn own(user: &User, id: &str) -> String {
    format!("{}{id}", prefix(user))
}

/// The range of stored ids that belong to a range of the user's.
pub(in crate::node_service) fn own_range(user: &User, request: IdsRequest) -> IdsRequest {
    let prefix = prefix(user);
    let inside = |(id, inclusive): (String, bool)| (format!("{prefix}{id}"), inclusive);
    let first = (prefix.clone(), true);
    // The prefix ends with `/`, and `0` is what stands behind that.
    let behind = (format!("{}0", prefix.strip_suffix('/').unwrap_or_default()), false);
    let (start, end) = match request.descending {
        false => (first, behind),
        true => (behind, first),
    };
    IdsRequest {
        start: Some(request.start.map_or(start, inside)),
        end: Some(request.end.map_or(end, inside)),
        // All of them are the user's.
        without: None,
        ..request
    }
}

/// A page of stored documents as the user sees them.
pub(in crate::node_service) fn without_owner(user: &User, page: LocalsPage) -> LocalsPage {
    let prefix = prefix(user);
    let shown = |id: String| id.strip_prefix(&prefix).map(str::to_owned);
    LocalsPage {
        rows: page
            .rows
            .into_iter()
            .filter_map(|(id, document)| Some((shown(id)?, document)))
            .collect(),
        skipped: page.skipped,
        resume_after: page.resume_after.and_then(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> User {
        User { name: Some(name.to_owned()), roles: Vec::new() }
    }

    #[test]
    fn no_user_names_a_local_document_of_another() {
        let ids = [
            own(&named("a"), "b/c"),
            own(&named("a/b"), "c"),
            own(&named("a/b/c"), ""),
            own(&User::default(), "1/a/b/c"),
            own(&named(""), "a"),
        ];
        for (number, id) in ids.iter().enumerate() {
            assert!(!ids.iter().skip(number + 1).any(|other| other == id), "{id}");
        }
    }

    #[test]
    fn a_list_holds_a_users_own_alone() {
        let anna = named("anna");
        let request = IdsRequest {
            start: None,
            end: Some(("m".to_owned(), false)),
            limit: 10,
            skip: 0,
            descending: false,
            without: Some(READERS),
        };
        let range = own_range(&anna, request);
        assert_eq!(range.start, Some(("readers/4/anna/".to_owned(), true)));
        assert_eq!(range.end, Some(("readers/4/anna/m".to_owned(), false)));
        assert_eq!(range.without, None);
        let page = LocalsPage { resume_after: Some(own(&anna, "k")), ..LocalsPage::default() };
        assert_eq!(without_owner(&anna, page).resume_after.as_deref(), Some("k"));
    }
}
