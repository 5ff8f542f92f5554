//! What stands around the rows of a feed, byte for byte as CouchDB 3.5 writes it. The rows
//! themselves are in `row`.

use super::parameters::FeedKind;

/// The layout of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// One object with all rows in `results`.
    Object,
    /// One row a line.
    Lines,
    /// Server-sent events.
    Events,
}

/// The numbers that end a feed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending<'a> {
    /// `last_seq` as text.
    pub(super) last_sequence: &'a str,
    /// `pending`; `null` where it could not be counted.
    pub(super) pending: Option<u64>,
}

impl Framing {
    /// The layout of a kind of feed.
    pub(super) fn of(feed: FeedKind) -> Self {
        match feed {
            FeedKind::Normal | FeedKind::LongPoll => Self::Object,
            FeedKind::Continuous => Self::Lines,
            FeedKind::EventSource => Self::Events,
        }
    }

    /// What stands before all rows.
    pub(super) fn open(self, out: &mut Vec<u8>) {
        if self == Self::Object {
            out.extend_from_slice(b"{\"results\":[\n");
        }
    }

    /// What stands before a row.
    pub(super) fn before_row(self, out: &mut Vec<u8>, first: bool) {
        match self {
            Self::Object if first => {}
            Self::Object => out.extend_from_slice(b",\r\n"),
            Self::Lines => {}
            Self::Events => out.extend_from_slice(b"data: "),
        }
    }

    /// What stands behind a row, whose sequence has this text.
    pub(super) fn after_row(self, out: &mut Vec<u8>, sequence: u64, instance: &str) {
        match self {
            Self::Object => {}
            Self::Lines => out.push(b'\n'),
            Self::Events => {
                out.extend_from_slice(b"\nid: \"");
                out.extend_from_slice(itoa::Buffer::new().format(sequence).as_bytes());
                out.push(b'-');
                out.extend_from_slice(instance.as_bytes());
                out.extend_from_slice(b"\"\n\n");
            }
        }
    }

    /// A sign of life.
    pub(super) fn heartbeat(self, out: &mut Vec<u8>) {
        out.extend_from_slice(match self {
            Self::Object | Self::Lines => b"\n",
            Self::Events => b"event: heartbeat\ndata: \n\n",
        });
    }

    /// What stands behind all rows.
    pub(super) fn close(self, out: &mut Vec<u8>, ending: Ending<'_>) {
        match self {
            Self::Object => out.extend_from_slice(b"\n],\n"),
            Self::Lines => out.push(b'{'),
            Self::Events => return,
        }
        out.extend_from_slice(b"\"last_seq\":\"");
        out.extend_from_slice(ending.last_sequence.as_bytes());
        out.extend_from_slice(b"\",\"pending\":");
        match ending.pending {
            Some(pending) => {
                out.extend_from_slice(itoa::Buffer::new().format(pending).as_bytes());
            }
            None => out.extend_from_slice(b"null"),
        }
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
            framing.after_row(&mut out, number as u64 + 1, "i");
        }
        framing.close(&mut out, Ending { last_sequence: "9-i", pending: Some(3) });
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_object_holds_its_rows_in_results() {
        assert_eq!(
            framed(Framing::Object, &["{}", "{}"]),
            "{\"results\":[\n{},\r\n{}\n],\n\"last_seq\":\"9-i\",\"pending\":3}\n"
        );
        assert_eq!(
            framed(Framing::Object, &[]),
            "{\"results\":[\n\n],\n\"last_seq\":\"9-i\",\"pending\":3}\n"
        );
    }

    #[test]
    fn lines_end_with_the_last_sequence() {
        assert_eq!(
            framed(Framing::Lines, &["{}", "{}"]),
            "{}\n{}\n{\"last_seq\":\"9-i\",\"pending\":3}\n"
        );
    }

    #[test]
    fn events_carry_their_sequence_as_id() {
        assert_eq!(framed(Framing::Events, &["{}"]), "data: {}\nid: \"1-i\"\n\n");
        let mut out = Vec::new();
        Framing::Events.heartbeat(&mut out);
        assert_eq!(out, b"event: heartbeat\ndata: \n\n");
    }
}
