//! The parameters behind `?`, with CouchDB's texts for values that make no sense. Which parameters
//! an endpoint knows is not decided here.

use std::borrow::Cow;

use refuge_document::Revision;

use crate::failure::Failure;

/// Parsed parameters in the order in which they stand in the URL. `&` and `;` separate them, `+` is
/// a space. Of a parameter that is given twice the last one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    parameters: Vec<(String, String)>,
}

impl Query {
    /// Parses what stands behind the `?`. Nothing is an error here: bytes that are not UTF-8 become
    /// the replacement character.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Self::default() };
        let parameters = text
            .split(['&', ';'])
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (decode_component(name).into_owned(), decode_component(value).into_owned())
            })
            .collect();
        Self { parameters }
    }

    /// Whether no parameter is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Gives a parameter this value alone.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.parameters.retain(|(candidate, _)| candidate != name);
        self.parameters.push((name.to_owned(), value.to_owned()));
    }

    /// Names and values in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a parameter as text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .rev()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value under the first of several names that is given (`startkey` and `start_key`).
    pub(crate) fn text_of(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A boolean; `None` when it is not given. `query_parse_error` for anything but `true` and
    /// `false` (in any letter case).
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.text(name).map(parse_boolean).transpose()
    }

    /// A boolean that is `false` when it is not given.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.boolean(name)?.unwrap_or(false))
    }

    /// Whether the value is `true`; all else counts as absent, as CouchDB reads the parameters of
    /// documents and of `_changes`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// A JSON array of revisions; `None` when it is not given.
    pub(crate) fn revisions(&self, name: &str) -> Result<Option<Vec<Revision>>, Failure> {
        let Some(texts) = self.json::<Vec<String>>(&[name])? else { return Ok(None) };
        texts.iter().map(|text| parse_revision(text)).collect::<Result<_, _>>().map(Some)
    }

    /// A whole number that is not negative; `None` when it is not given.
    pub(crate) fn count(&self, name: &str) -> Result<Option<u64>, Failure> {
        let parse = |text: &str| {
            text.parse::<u64>()
                .map_err(|_| parse_error(format!("Invalid value for positive integer: \"{text}\"")))
        };
        self.text(name).map(parse).transpose()
    }

    /// A JSON value; `None` when it is not given, 400 when it is not JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(
        &self,
        names: &[&str],
    ) -> Result<Option<T>, Failure> {
        self.text_of(names)
            .map(|text| {
                serde_json::from_str(text).map_err(|_| {
                    Failure::BadRequest(format!("invalid UTF-8 JSON: <<{}>>", quoted(text)))
                })
            })
            .transpose()
    }

    /// A revision; `None` when it is not given or empty.
    pub(crate) fn revision(&self, name: &str) -> Result<Option<Revision>, Failure> {
        self.text(name).filter(|text| !text.is_empty()).map(parse_revision).transpose()
    }
}

/// Reads a revision as clients write it.
pub(crate) fn parse_revision(text: &str) -> Result<Revision, Failure> {
    text.parse::<Revision>().map_err(|_| Failure::BadRequest("Invalid rev format".to_owned()))
}

/// Reads a boolean as CouchDB does.
pub(crate) fn parse_boolean(text: &str) -> Result<bool, Failure> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(parse_error(format!("Invalid boolean parameter: \"{text}\"")))
    }
}

/// A 400 `query_parse_error`.
pub(crate) fn parse_error(reason: impl Into<String>) -> Failure {
    Failure::Invalid { error: "query_parse_error", reason: reason.into() }
}

/// Undoes percent encoding, with `+` for a space.
pub(crate) fn decode_component(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(text);
    }
    let spaced: Vec<u8> = text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    Cow::Owned(percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned())
}

/// What stands as it is in an encoded part of a path or of a query (RFC 3986, section 2.3).
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a part of a path, or a name or value of a query, so that [`decode_component`] gives it back.
pub(crate) fn encode_segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, UNRESERVED).to_string()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_separated_by_ampersands_and_semicolons() {
        let query = Query::parse(Some("a=1;b=two+words&c&&d=%22x%22"));
        assert_eq!(query.text("a"), Some("1"));
        assert_eq!(query.text("b"), Some("two words"));
        assert_eq!(query.text("c"), Some(""));
        assert_eq!(query.text("d"), Some("\"x\""));
        assert_eq!(query.text("e"), None);
        assert_eq!(query.iter().count(), 4);
        assert!(Query::parse(Some("")).is_empty());
    }

    #[test]
    fn the_last_of_two_equal_parameters_counts() {
        assert_eq!(Query::parse(Some("limit=1&limit=2")).count("limit"), Ok(Some(2)));
    }

    #[test]
    fn values_without_sense_are_query_parse_errors() {
        let query = Query::parse(Some("limit=-1&descending=maybe&skip=x&startkey=%7B"));
        for failure in [
            query.count("limit").expect_err("negative"),
            query.boolean("descending").expect_err("no boolean"),
            query.count("skip").expect_err("no number"),
        ] {
            assert_eq!(failure.status().1, "query_parse_error");
        }
        let failure =
            query.json::<serde_json::Value>(&["startkey", "start_key"]).expect_err("no JSON");
        assert_eq!(failure.status().1, "bad_request");
    }
}
