//! A document in pieces, whole and broken off.

use super::*;

const TEXT: &str = r#"{"_id":"a","_attachments":{"z \"1\"":{"follows":true,"length":5,"digest":"md5-x","content_type":"image/png"},"old":{"stub":true,"length":7},"b":{"follows":true,"length":90,"encoded_length":3,"encoding":"gzip","content_type":"text/plain"},"none":{"follows":true,"length":0}}}"#;

fn whole() -> String {
    let part = |headers: &str, bytes: &str| format!("\r\n--xyz\r\n{headers}\r\n\r\n{bytes}");
    let named = |name: &str| format!("Content-Disposition: attachment; filename=\"{name}\"");
    [
        format!("--xyz\r\nContent-Type: application/json\r\n\r\n{TEXT}"),
        part(&named("z \\\"1\\\""), "\r\n--x"),
        part("Content-Length: 3", "gzi"),
        part(&named("none"), ""),
        "\r\n--xyz--".to_owned(),
    ]
    .concat()
}

fn related() -> Related {
    Related::of("multipart/related; boundary=\"xyz\"").unwrap()
}

/// Where it stands when a document has passed, unchanged, in pieces of this size.
fn passed_in_pieces(whole: &str, piece_bytes: usize) -> Position {
    let mut related = related();
    let mut passed = Vec::new();
    for piece in whole.as_bytes().chunks(piece_bytes) {
        passed.extend(related.take(Bytes::copy_from_slice(piece)).concat());
    }
    assert_eq!(String::from_utf8(passed).unwrap(), whole);
    related.position()
}

#[test]
fn a_document_passes_unchanged_wherever_its_pieces_end() {
    let whole = whole();
    for piece_bytes in 1..whole.len() {
        assert_eq!(passed_in_pieces(&whole, piece_bytes), Position::Ended);
    }
}

#[test]
fn wherever_it_breaks_off_the_rest_is_known() {
    let whole = whole();
    let attachments = [(r#"z "1""#, "\r\n--x"), ("b", "gzi"), ("none", "")];
    for end in 0..whole.len() {
        let mut related = related();
        let mut passed = related.take(Bytes::copy_from_slice(&whole.as_bytes()[..end])).concat();
        loop {
            match related.position() {
                Position::Document => break,
                Position::Between => passed.extend(related.begin_next()),
                Position::Inside { number, offset } => {
                    let one = related.following(number).unwrap().clone();
                    assert_eq!(
                        (one.name.as_str(), one.gzipped),
                        (attachments[number].0, number == 1)
                    );
                    let bytes = &attachments[number].1.as_bytes()[offset as usize..];
                    passed.extend(related.take(Bytes::copy_from_slice(bytes)).concat());
                }
                Position::Ended => break,
                Position::Lost => panic!("lost at {end}"),
            }
        }
        if related.position() == Position::Document {
            assert!(end < TEXT.len() + 60, "{end}");
            continue;
        }
        let passed = String::from_utf8(passed).unwrap();
        for (name, bytes) in attachments {
            let name = name.replace('"', "\\\"");
            // The part without a name was begun by its source.
            let named = passed.contains(&format!("filename=\"{name}\""));
            assert!(named || name == "b", "{end}: {passed}");
            assert!(passed.contains(&format!("\r\n\r\n{bytes}\r\n--xyz")), "{end}: {passed}");
        }
        assert!(passed.ends_with("\r\n--xyz--"));
    }
}

#[test]
fn what_is_no_such_document_passes_all_the_same() {
    assert!(Related::of("application/json").is_none());
    let mut related = related();
    let strange = "--xyz\r\nContent-Type: application/json\r\n\r\nno JSON\r\n--xyz\r\nmore";
    assert_eq!(related.take(Bytes::from(strange)).concat(), strange.as_bytes());
    assert_eq!(related.position(), Position::Lost);
}

#[test]
fn a_part_that_is_longer_than_was_told_is_not_followed() {
    let whole = whole().replace("\r\n\r\ngzi", "\r\n\r\ngzip");
    for piece_bytes in 1..whole.len() {
        assert_eq!(passed_in_pieces(&whole, piece_bytes), Position::Lost);
    }
}

#[test]
fn a_gzipped_part_of_a_length_that_is_not_told_is_not_followed() {
    let whole = whole().replace(r#""encoded_length":3,"#, "");
    let mut related = related();
    assert_eq!(related.take(Bytes::from(whole.clone())).concat(), whole.as_bytes());
    assert_eq!(related.position(), Position::Lost);
}
