//! Who may read and write a document: the member `_access`, as clients give it and as it is stored, and the
//! rules that follow from it. Who somebody is, and which databases know the member, is not known here.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use crate::body::Body;
use crate::incoming::BadDocument;
use crate::json;

/// The member's name.
pub(crate) const ACCESS: &str = "_access";

/// What stands in a body in front of the list; the member is its first.
const BEFORE: &[u8] = b"{\"_access\":";

/// Names and roles of users who may read and write a document, ascending, each once. Admins may in any
/// case, and where nobody is named nobody else may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access(Vec<String>);

impl Access {
    /// Most names and roles that a document may list: each is two rows of the readers' indexes.
    pub const MOST: usize = 64;
    /// Longest name or role, in bytes.
    pub const LONGEST_BYTES: usize = 256;

    /// Reads the raw JSON value of `_access`: an array of names and roles.
    ///
    /// # Errors
    /// [`BadDocument::Access`] for anything else, and for more or longer ones than are accepted.
    pub fn read(value: &[u8]) -> Result<Self, BadDocument> {
        let mut listed = BTreeSet::new();
        for element in json::elements(value).map_err(|_| BadDocument::Access)? {
            let element = element.map_err(|_| BadDocument::Access)?;
            let name = json::string(element).ok_or(BadDocument::Access)?;
            if name.is_empty() || name.len() > Self::LONGEST_BYTES {
                return Err(BadDocument::Access);
            }
            listed.insert(name.into_owned());
            if listed.len() > Self::MOST {
                return Err(BadDocument::Access);
            }
        }
        Ok(Self(listed.into_iter().collect()))
    }

    /// The names and roles.
    pub fn principals(&self) -> &[String] {
        &self.0
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that both name.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|one| other.0.contains(one)).cloned().collect())
    }

    /// Whether somebody with these principals, the user's name and roles, may read and write.
    pub fn admits<S: Borrow<str>>(&self, principals: &[S]) -> bool {
        principals.iter().any(|one| {
            let one: &str = one.borrow();
            self.0.binary_search_by(|listed| listed.as_str().cmp(one)).is_ok()
        })
    }
}

impl Body {
    /// The body with `_access` as its first member; as it is where nobody is named. It must have none.
    #[must_use]
    pub fn with_access(&self, access: &Access) -> Self {
        if access.is_empty() {
            return self.clone();
        }
        let members = self.as_bytes().strip_prefix(b"{").unwrap_or(b"}");
        let mut out = Vec::with_capacity(members.len() + BEFORE.len() + 32);
        out.extend_from_slice(BEFORE);
        for (number, name) in access.principals().iter().enumerate() {
            out.push(if number == 0 { b'[' } else { b',' });
            json::write_string(&mut out, name);
        }
        out.push(b']');
        if members != b"}" {
            out.push(b',');
        }
        out.extend_from_slice(members);
        Self::from_normal(out)
    }

    /// Whom the revision admits. Read off the beginning of the text: `_access` is no member that a client
    /// could put there otherwise. What cannot be read admits nobody.
    #[must_use]
    pub fn access(&self) -> Access {
        let Some(list) = self.as_bytes().strip_prefix(BEFORE) else { return Access::default() };
        let mut inside = false;
        let mut escaped = false;
        let end = list.iter().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = inside,
                b'"' => inside = !inside,
                b']' => return !inside,
                _ => {}
            }
            false
        });
        let list = end.and_then(|end| list.get(..=end)).unwrap_or_default();
        Access::read(list).unwrap_or_default()
    }
}

/// An edit, as far as permissions look at it.
#[derive(Clone, Copy, Debug)]
pub struct AccessEdit<'a> {
    /// Whom the winner of the stored document admits and, behind it, the other leaves that are no tombstones;
    /// none where there is no document.
    pub leaves: &'a [Access],
    /// Whom the revision admits that the edit builds on, where that is stored.
    pub parent: Option<&'a Access>,
    /// Whom the new revision admits.
    pub new: &'a Access,
}

/// Why somebody may not make an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefusal {
    /// The document is hidden from whoever writes, who is to hear nothing of it.
    #[error("the document is hidden")]
    Hidden,
    /// A revision that the edit builds on, or one in conflict with it, does not admit the writer.
    #[error("You are not in the `_access` of every current revision of this document.")]
    Leaf,
    /// The new revision is for admins alone.
    #[error(
        "A document without `_access` is for admins: list the names and roles of those who may read \
         and write it."
    )]
    Nobody,
    /// Who makes a document has to be among those who may read it.
    #[error("A new document's `_access` has to list you or one of your roles.")]
    Creator,
}

impl AccessEdit<'_> {
    /// Whether somebody with these principals, who is no admin, may make the edit.
    ///
    /// # Errors
    /// [`AccessRefusal`].
    pub fn check<S: Borrow<str>>(&self, principals: &[S]) -> Result<(), AccessRefusal> {
        if self.leaves.first().is_some_and(|winner| !winner.admits(principals)) {
            return Err(AccessRefusal::Hidden);
        }
        if !self.leaves.iter().chain(self.parent).all(|leaf| leaf.admits(principals)) {
            return Err(AccessRefusal::Leaf);
        }
        if self.new.is_empty() {
            return Err(AccessRefusal::Nobody);
        }
        if self.leaves.is_empty() && !self.new.admits(principals) {
            return Err(AccessRefusal::Creator);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn access(names: &[&str]) -> Access {
        let text = serde_json_text(names);
        Access::read(text.as_bytes()).unwrap()
    }

    fn serde_json_text(names: &[&str]) -> String {
        let mut out = b"[".to_vec();
        for (number, name) in names.iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            json::write_string(&mut out, name);
        }
        out.push(b']');
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_are_read_each_once_and_unescaped() {
        let read = Access::read(br#"["b", "a","\u0061", "b"]"#).unwrap();
        assert_eq!(read.principals(), ["a", "b"]);
        assert!(Access::read(b"[]").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_of_names_is_refused() {
        let long = format!("[\"{}\"]", "x".repeat(Access::LONGEST_BYTES + 1));
        let many: Vec<String> = (0..=Access::MOST).map(|number| format!("\"{number}\"")).collect();
        let many = format!("[{}]", many.join(","));
        for value in ["null", "\"a\"", "{}", "[1]", "[\"\"]", "[[\"a\"]]", "[null]", &long, &many] {
            assert_eq!(Access::read(value.as_bytes()), Err(BadDocument::Access), "{value}");
        }
    }

    #[test]
    fn the_list_stands_at_the_beginning_of_a_body_and_is_found_there() {
        let listed = access(&["a]\"\\", "b[", "ü"]);
        for text in ["{}", "{\"a\":1}", "{\"a\":{\"_access\":[\"x\"]}}"] {
            let body = Body::parse(text.as_bytes()).unwrap();
            assert!(body.access().is_empty(), "{text}");
            let stored = body.with_access(&listed);
            assert_eq!(stored.access(), listed, "{text}");
            assert!(json::normalise(stored.as_bytes()).is_ok());
            assert_eq!(body.with_access(&Access::default()), body);
        }
    }

    #[test]
    fn who_may_not_read_hears_nothing_and_who_may_not_write_hears_why() {
        let (anna, bob, nobody) = (access(&["anna"]), access(&["bob"]), Access::default());
        let check = |leaves: &[Access], parent: Option<&Access>, new: &Access| {
            AccessEdit { leaves, parent, new }.check(&["anna"])
        };
        assert_eq!(check(&[], None, &anna), Ok(()));
        assert_eq!(check(&[], None, &bob), Err(AccessRefusal::Creator));
        assert_eq!(check(&[], None, &nobody), Err(AccessRefusal::Nobody));
        // Handing a document over is good.
        assert_eq!(check(std::slice::from_ref(&anna), Some(&anna), &bob), Ok(()));
        assert_eq!(
            check(std::slice::from_ref(&anna), Some(&anna), &nobody),
            Err(AccessRefusal::Nobody)
        );
        assert_eq!(
            check(std::slice::from_ref(&bob), Some(&bob), &anna),
            Err(AccessRefusal::Hidden)
        );
        assert_eq!(check(std::slice::from_ref(&nobody), None, &anna), Err(AccessRefusal::Hidden));
        assert_eq!(check(&[anna.clone(), bob.clone()], None, &anna), Err(AccessRefusal::Leaf));
        assert_eq!(check(std::slice::from_ref(&anna), Some(&bob), &anna), Err(AccessRefusal::Leaf));
    }

    fn lists() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-d\\]\"\\\\é]{1,2}", 0..5)
    }

    proptest! {
        #[test]
        fn a_list_is_stored_and_read_as_it_was_given(names in lists(), text in "[a-z]{0,6}") {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let listed = access(&names);
            let body = Body::parse(format!("{{\"t\":\"{text}\"}}").as_bytes()).unwrap();
            prop_assert_eq!(body.with_access(&listed).access(), listed);
        }

        /// Whoever may make an edit is admitted by all that is there, and one who has no part in any of
        /// it may make none.
        #[test]
        fn an_edit_is_allowed_to_those_alone_whom_every_leaf_admits(
            leaves in prop::collection::vec(lists(), 0..4),
            parent in prop::option::of(lists()),
            new in lists(),
            who in lists(),
        ) {
            let named = |names: &Vec<String>| access(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let has_part = |names: &Vec<String>| names.iter().any(|name| who.contains(name));
            let allowed_by_leaves = leaves.iter().chain(parent.as_ref()).all(has_part);
            let allowed_by_new = !new.is_empty() && (!leaves.is_empty() || has_part(&new));
            let hidden = leaves.first().is_some_and(|winner| !has_part(winner));
            let accesses: Vec<Access> = leaves.iter().map(named).collect();
            let parent = parent.as_ref().map(named);
            let new = named(&new);
            let edit = AccessEdit { leaves: &accesses, parent: parent.as_ref(), new: &new };
            let checked = edit.check(&who);
            prop_assert_eq!(checked.is_ok(), allowed_by_leaves && allowed_by_new);
            prop_assert_eq!(checked == Err(AccessRefusal::Hidden), hidden);
        }
    }
}
