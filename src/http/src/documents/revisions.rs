//! The revision that a request names in up to three places: `rev`, `If-Match`, and the document
//! itself. They have to agree.

use hyper::header::IF_MATCH;
use refuge_document::Revision;

use crate::failure::Failure;
use crate::query::parse_revision;
use crate::request::Request;

/// The revision of the `If-Match` header.
pub(crate) fn if_match(request: &Request) -> Result<Option<Revision>, Failure> {
    request.header(IF_MATCH).map(|text| parse_revision(text.trim().trim_matches('"'))).transpose()
}

/// The revision that a request to edit names by its parameter and its header.
pub(crate) fn agreed_revision(request: &Request) -> Result<Option<Revision>, Failure> {
    agree(None, request.query.revision("rev")?, if_match(request)?)
}

/// The one revision of three places, or 400.
pub(super) fn agree(
    body: Option<Revision>,
    parameter: Option<Revision>,
    header: Option<Revision>,
) -> Result<Option<Revision>, Failure> {
    if let (Some(body), Some(parameter)) = (&body, &parameter)
        && body != parameter
    {
        return Err(Failure::BadRequest(
            "Document rev from request body and query string have different values".to_owned(),
        ));
    }
    match (body.or(parameter), header) {
        (Some(revision), Some(header)) if revision != header => {
            Err(Failure::BadRequest("Document rev and etag have different values".to_owned()))
        }
        (revision, header) => Ok(revision.or(header)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_places_agree_or_fail() {
        let revision = |text: &str| Some(text.parse::<Revision>().expect("a revision"));
        assert_eq!(agree(None, None, None), Ok(None));
        assert_eq!(agree(revision("1-a"), None, revision("1-a")), Ok(revision("1-a")));
        assert_eq!(agree(None, revision("1-a"), None), Ok(revision("1-a")));
        assert!(agree(revision("1-a"), revision("1-b"), None).is_err());
        assert!(agree(revision("1-a"), None, revision("1-b")).is_err());
        assert!(agree(None, revision("1-a"), revision("1-b")).is_err());
    }
}
