//! Splitting a `_bulk_docs` request.

use crate::json::{Cursor, JsonError, JsonFault};

use super::{BadDocument, BulkRequest};

pub(super) fn parse(text: &[u8]) -> Result<BulkRequest<'_>, BadDocument> {
    let mut cursor = Cursor::new(text);
    cursor.white();
    if cursor.peek() != b'{' {
        crate::json::normalise(text)?;
        return Err(BadDocument::BulkNotAnObject);
    }
    let mut documents = None;
    let mut new_edits = None;
    let mut more = cursor.enter(0, b'}')?;
    while more {
        let name = cursor.string()?;
        let name = crate::json::string(cursor.slice(name.start, name.end))
            .ok_or(JsonError { fault: JsonFault::Utf8, offset: name.start })?;
        cursor.colon()?;
        if name == "docs" {
            if let Some(Docs::Array(earlier)) = documents.take() {
                check(earlier)?;
            }
            documents = Some(split(&mut cursor)?);
        } else {
            let start = cursor.at;
            cursor.skip(1)?;
            let value = cursor.slice(start, cursor.at);
            Cursor::checked(value)?;
            if name == "new_edits" {
                new_edits = Some(value);
            }
        }
        more = cursor.next(b'}')?;
    }
    cursor.finish()?;
    let documents = match documents {
        None => return Err(BadDocument::DocsMissing),
        Some(Docs::Other) => return Err(BadDocument::DocsNotAnArray),
        Some(Docs::Array(documents)) => documents,
    };
    let new_edits = match new_edits {
        None | Some(b"true") => true,
        Some(b"false") => false,
        Some(_) => return Err(BadDocument::NewEditsNotABoolean),
    };
    Ok(BulkRequest { documents, new_edits })
}

enum Docs<'a> {
    Array(Vec<&'a [u8]>),
    Other,
}

/// Passes the value of `docs`. Documents are only delimited: `parse_document` checks them.
fn split<'a>(cursor: &mut Cursor<'a>) -> Result<Docs<'a>, JsonError> {
    if cursor.peek() != b'[' {
        let start = cursor.at;
        cursor.skip(1)?;
        Cursor::checked(cursor.slice(start, cursor.at))?;
        return Ok(Docs::Other);
    }
    let mut documents = Vec::new();
    let mut more = cursor.enter(1, b']')?;
    while more {
        let start = cursor.at;
        cursor.skip_unchecked()?;
        documents.push(cursor.slice(start, cursor.at));
        more = cursor.next(b']')?;
    }
    Ok(Docs::Array(documents))
}

/// Checks documents that a later `docs` replaces, which nobody else will look at.
fn check(documents: Vec<&[u8]>) -> Result<(), JsonError> {
    documents.into_iter().try_for_each(|document| {
        let mut cursor = Cursor::checked(document)?;
        cursor.skip(2)?;
        cursor.finish()
    })
}
