//! What stands around the rows of a feed, byte for byte as CouchDB 3.5 writes it. The rows
//! themselves are each feed's own.

use super::FeedKind;

/// The layout of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// One object with all rows in `results`.
    Object,
    /// One row a line.
    Lines,
    /// Server-sent events.
    Events,
}

impl Framing {
    /// The layout of a kind of feed.
    pub(crate) fn of(feed: FeedKind) -> Self {
        match feed {
            FeedKind::Normal | FeedKind::LongPoll => Self::Object,
            FeedKind::Continuous => Self::Lines,
            FeedKind::EventSource => Self::Events,
        }
    }

    /// What stands before all rows.
    pub(crate) fn open(self, out: &mut Vec<u8>) {
        if self == Self::Object {
            out.extend_from_slice(b"{\"results\":[\n");
        }
    }

    /// What stands before a row.
    pub(crate) fn before_row(self, out: &mut Vec<u8>, first: bool) {
        match self {
            Self::Object if first => {}
            Self::Object => out.extend_from_slice(b",\r\n"),
            Self::Lines => {}
            Self::Events => out.extend_from_slice(b"data: "),
        }
    }

    /// What stands behind a row; `write_id` writes where a browser goes on behind it.
    pub(crate) fn after_row(self, out: &mut Vec<u8>, write_id: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Object => {}
            Self::Lines => out.push(b'\n'),
            Self::Events => {
                out.extend_from_slice(b"\nid: ");
                write_id(out);
                out.extend_from_slice(b"\n\n");
            }
        }
    }

    /// A sign of life.
    pub(crate) fn heartbeat(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Object | Self::Lines => b"\n",
            Self::Events => b"event: heartbeat\ndata: \n\n",
        });
    }

    /// An error, told as an object, behind the rows; an answer that is one object has no place for one.
    pub(crate) fn error(self, out: &mut Vec<u8>, told: &str) {
        let (before, behind): (&[u8], &[u8]) = match self {
            Self::Object => return,
            Self::Lines => (b"", b"\n"),
            Self::Events => (b"event: error\ndata: ", b"\n\n"),
        };
        out.extend_from_slice(before);
        out.extend_from_slice(told.as_bytes());
        out.extend_from_slice(behind);
    }

    /// What stands behind all rows; `write_members` writes the members of the object that ends the
    /// feed.
    pub(crate) fn close(self, out: &mut Vec<u8>, write_members: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Object => out.extend_from_slice(b"\n],\n"),
            Self::Lines => out.push(b'{'),
            Self::Events => return,
        }
        write_members(out);
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(framing: Framing, rows: &[&str]) -> String {
        let mut out = Vec::new();
        framing.open(&mut out);
        for (number, row) in rows.iter().enumerate() {
            framing.before_row(&mut out, number == 0);
            out.extend_from_slice(row.as_bytes());
            framing.after_row(&mut out, |out| out.extend_from_slice(b"7"));
        }
        framing.close(&mut out, |out| out.extend_from_slice(b"\"last_seq\":9"));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_object_holds_its_rows_in_results() {
        assert_eq!(
            framed(Framing::Object, &["{}", "{}"]),
            "{\"results\":[\n{},\r\n{}\n],\n\"last_seq\":9}\n"
        );
        assert_eq!(framed(Framing::Object, &[]), "{\"results\":[\n\n],\n\"last_seq\":9}\n");
    }

    #[test]
    fn lines_end_with_the_last_sequence() {
        assert_eq!(framed(Framing::Lines, &["{}", "{}"]), "{}\n{}\n{\"last_seq\":9}\n");
    }

    #[test]
    fn events_carry_their_sequence_as_id() {
        assert_eq!(framed(Framing::Events, &["{}"]), "data: {}\nid: 7\n\n");
        let mut out = Vec::new();
        Framing::Events.heartbeat(&mut out);
        assert_eq!(out, b"event: heartbeat\ndata: \n\n");
    }
}
