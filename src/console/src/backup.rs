//! What is asked of a node for a backup, and how its blocks travel.
//!
//! `backup` is one that is read once. For one that may be gone on with, `backup_hold` takes a snapshot, or
//! `backup_hold_again` one that an earlier session held; `backup_from` sends the blocks behind a place;
//! `backup_done` lets the snapshot go. None of them is for people: `refuge backup` speaks so.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::control::{BackupStream, Control, ControlError};
use crate::protocol::{Reply, Request};

/// Answered by a line, blocks behind their lengths, and another line.
pub(crate) const BACKUP: &str = "backup";
/// Takes a snapshot of these databases, or of everything.
pub(crate) const HOLD: &str = "backup_hold";
/// Takes the snapshot of this name.
pub(crate) const HOLD_AGAIN: &str = "backup_hold_again";
/// Answered as [`BACKUP`]: the blocks of the snapshot behind this place, or all.
pub(crate) const FROM: &str = "backup_from";
/// Lets the snapshot go.
pub(crate) const DONE: &str = "backup_done";

/// Longest place that is told, as two hexadecimal digits a byte: in a line there is room for a little more.
/// Whoever came to a longer one goes on from an earlier one.
pub const PLACE_LIMIT_BYTES: usize = 24 * 1024;

/// A request that concerns a backup.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Blocks of a new snapshot.
    Once(Vec<String>),
    /// A snapshot.
    Hold(SnapshotWish),
    /// Blocks of the snapshot behind a place.
    From(Option<Vec<u8>>),
    /// The snapshot's end.
    Done,
}

/// Which snapshot is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotWish {
    /// A new one, of everything or of these databases.
    New(Vec<String>),
    /// The one of this name, which an earlier session held.
    Again(String),
}

/// What a line wants, where it concerns a backup.
pub(crate) fn wish_of(line: &[u8]) -> Option<Result<Wish, Reply>> {
    let Request { command, mut arguments } = serde_json::from_slice(line).ok()?;
    let wish = match (command.as_str(), arguments.len()) {
        (BACKUP, _) => Wish::Once(arguments),
        (HOLD, _) => Wish::Hold(SnapshotWish::New(arguments)),
        (HOLD_AGAIN, 1) => Wish::Hold(SnapshotWish::Again(arguments.remove(0))),
        (FROM, 0) => Wish::From(None),
        (FROM, 1) => match arguments.first().and_then(|place| bytes_of(place)) {
            Some(place) => Wish::From(Some(place)),
            None => return Some(Err(wrong("a place has two hexadecimal digits a byte"))),
        },
        (DONE, 0) => Wish::Done,
        (HOLD_AGAIN | FROM | DONE, _) => return Some(Err(wrong("refuge backup FILE writes one"))),
        _ => return None,
    };
    Some(Ok(wish))
}

fn wrong(reason: &str) -> Reply {
    Reply::error("bad_arguments", reason)
}

/// Does what is wanted; what is left to be sent is the reply.
pub(crate) async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    wish: Wish,
    control: &dyn Control,
) -> io::Result<Reply> {
    let blocks = match wish {
        Wish::Once(databases) => control.backup(databases).await,
        Wish::From(behind) => control.backup_from(behind).await,
        Wish::Hold(wish) => return Ok(control.hold_snapshot(wish).await.into()),
        Wish::Done => return Ok(control.let_snapshot_go().await.into()),
    };
    match blocks {
        Ok(blocks) => send(stream, blocks).await,
        Err(error) => Ok(Err::<Value, ControlError>(error).into()),
    }
}

/// Sends a line that tells of the backup, then each block behind its length (four bytes, little-endian),
/// then a length of 0; what the backup came to is the reply.
async fn send<S: AsyncWrite + Unpin>(stream: &mut S, backup: BackupStream) -> io::Result<Reply> {
    let BackupStream { about, mut blocks } = backup;
    stream.write_all(&Reply::Ok { ok: about }.line()?).await?;
    let mut count: u64 = 0;
    let end = loop {
        match blocks.recv().await {
            None => break Reply::Ok { ok: json!({ "blocks": count }) },
            Some(Err(reason)) => break Reply::error("unavailable", reason),
            Some(Ok(block)) => {
                let length = u32::try_from(block.len()).map_err(io::Error::other)?;
                stream.write_all(&length.to_le_bytes()).await?;
                stream.write_all(&block).await?;
                count += 1;
            }
        }
    };
    stream.write_all(&[0; 4]).await?;
    Ok(end)
}

/// As it is told in a line.
pub(crate) fn digits_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let pair = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    rest.is_empty().then(|| pairs.iter().map(pair).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::LINE_LIMIT_BYTES;

    fn wish(command: &str, arguments: &[&str]) -> Option<Result<Wish, Reply>> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let request = Request { command: command.to_owned(), arguments };
        wish_of(&serde_json::to_vec(&request).unwrap())
    }

    #[test]
    fn places_come_as_they_were_told_and_fit_into_a_line() {
        let place: Vec<u8> = (0..PLACE_LIMIT_BYTES).map(|byte| byte as u8).collect();
        let digits = digits_of(&place);
        let line = Request { command: FROM.to_owned(), arguments: vec![digits.clone()] };
        assert!(serde_json::to_vec(&line).unwrap().len() < LINE_LIMIT_BYTES);
        assert_eq!(wish(FROM, &[&digits]).unwrap().unwrap(), Wish::From(Some(place)));
    }

    #[test]
    fn what_is_no_place_and_what_is_too_much_are_refused() {
        for (command, arguments) in [
            (FROM, &["0"][..]),
            (FROM, &["0g"]),
            (FROM, &["äa"]),
            (FROM, &["00", "00"]),
            (HOLD_AGAIN, &[]),
            (DONE, &["00"]),
        ] {
            assert!(wish(command, arguments).unwrap().is_err(), "{command} {arguments:?}");
        }
        assert!(wish("tree", &[]).is_none());
    }
}
