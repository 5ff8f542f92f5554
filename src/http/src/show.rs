//! One revision of a document as JSON, with what the parameters ask to be shown beside its body.
//! Which revisions are shown, and in what answer, is the endpoints'.

use refuge_document::{
    Attachment, AttachmentForm, BodyPlace, Leaf, Rendering, Revision, RevisionStatus,
    render_document,
};

mod data;
mod gaps;
mod in_stream;
mod members;

pub(crate) use data::AttachmentData;
pub(crate) use gaps::Gap;
pub(crate) use in_stream::{send, show_in_stream};
pub use members::special_members;

use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody};
use crate::query::Query;

/// What is to be shown of a document, from the parameters of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShowOptions {
    /// The winner even where it is a tombstone.
    pub(crate) deleted: bool,
    /// `_revisions`.
    pub(crate) revs: bool,
    /// `_revs_info`.
    pub(crate) revs_info: bool,
    /// `_conflicts`.
    pub(crate) conflicts: bool,
    /// `_deleted_conflicts`.
    pub(crate) deleted_conflicts: bool,
    /// `_local_seq`.
    pub(crate) local_seq: bool,
    /// Attachments with their bytes.
    pub(crate) attachments: bool,
    /// Attachments with their bytes, where they are newer than the newest of these that is an
    /// ancestor; implies `attachments`.
    pub(crate) atts_since: Option<Vec<Revision>>,
    /// `encoding` and `encoded_length`.
    pub(crate) att_encoding_info: bool,
}

impl ShowOptions {
    /// From a query.
    pub(crate) fn from_query(query: &Query) -> Result<Self, Failure> {
        if query.is_empty() {
            return Ok(Self::default());
        }
        let meta = query.is_true("meta");
        let atts_since = query.revisions("atts_since")?;
        Ok(Self {
            deleted: query.is_true("deleted"),
            revs: query.is_true("revs"),
            revs_info: meta || query.is_true("revs_info"),
            conflicts: meta || query.is_true("conflicts"),
            deleted_conflicts: meta || query.is_true("deleted_conflicts"),
            local_seq: query.is_true("local_seq"),
            attachments: query.is_true("attachments") || atts_since.is_some(),
            atts_since,
            att_encoding_info: query.is_true("att_encoding_info"),
        })
    }

    /// Whether a document's revision tree has to be read for this.
    pub(crate) fn need_tree(&self) -> bool {
        self.revs
            || self.revs_info
            || self.conflicts
            || self.deleted_conflicts
            || self.atts_since.is_some()
    }
}

/// A revision that is to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    /// Document id.
    pub(crate) id: &'a str,
    /// The revision.
    pub(crate) revision: &'a Revision,
    /// Whether it is a tombstone.
    pub(crate) deleted: bool,
    /// Its content.
    pub(crate) content: &'a StoredBody,
    /// The document's tree; has to be there when the options need it.
    pub(crate) tree: Option<&'a DocumentTree>,
    /// Update sequence of the document's last change.
    pub(crate) sequence: u64,
}

/// How attachments with bytes are put into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttachmentBytes {
    /// As base64 in the JSON, held in memory meanwhile.
    Inline,
    /// As base64 in the JSON; of large ones only the place is kept free, where whoever streams the
    /// text puts them.
    Later,
    /// Behind it, in parts of a multipart answer.
    Follow,
}

/// What [`show`] did beside writing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Showing {
    /// Whether something was shown that may change while the revision stays; such an answer has no
    /// ETag.
    pub(crate) meta: bool,
    /// Positions of the attachments whose bytes are announced to follow.
    pub(crate) following: Vec<usize>,
    /// Where in the text the base64 of large attachments belongs, in their order.
    pub(crate) gaps: Vec<Gap>,
}

/// Appends the JSON text of a revision.
pub(crate) async fn show(
    out: &mut Vec<u8>,
    database: &dyn Database,
    shown: Shown<'_>,
    options: &ShowOptions,
    bytes: AttachmentBytes,
) -> Result<Showing, Failure> {
    let mut rendering = Rendering::new(shown.id, shown.revision, &shown.content.body);
    rendering.deleted = shown.deleted;
    rendering.attachments = &shown.content.attachments;
    rendering.encoding_info = options.att_encoding_info || bytes == AttachmentBytes::Follow;
    if *options == ShowOptions::default() {
        render_document(out, &rendering);
        return Ok(Showing::default());
    }
    Box::pin(show_more(out, database, shown, options, bytes, rendering)).await
}

/// [`show`] where more is to be shown than the plain document.
async fn show_more(
    out: &mut Vec<u8>,
    database: &dyn Database,
    shown: Shown<'_>,
    options: &ShowOptions,
    bytes: AttachmentBytes,
    mut rendering: Rendering<'_>,
) -> Result<Showing, Failure> {
    let history = shown.tree.and_then(|tree| tree.tree.history(shown.revision));
    let history = history.unwrap_or_else(|| vec![shown.revision.clone()]);
    let revs_info = match shown.tree {
        Some(tree) if options.revs_info => Some(statuses(database, tree, &history).await?),
        _ => None,
    };
    let others = other_leaves(&shown, options);
    let live = of_kind(&others, options.conflicts, false);
    let deleted = of_kind(&others, options.deleted_conflicts, true);
    let wanted = wanted_attachments(&shown.content.attachments, options, &history);
    let attachments = &shown.content.attachments;
    let data = AttachmentData::of(database, attachments, &wanted, bytes).await?;
    let forms: Vec<AttachmentForm<'_>> = data.forms().collect();
    rendering.attachment_forms = &forms;
    rendering.revisions = options.revs.then_some(history.as_slice());
    rendering.revs_info = revs_info.as_deref();
    rendering.conflicts = &live;
    rendering.deleted_conflicts = &deleted;
    rendering.local_seq = options.local_seq.then_some(shown.sequence);
    let beginning = out.len();
    render_document(out, &rendering);
    let meta = revs_info.is_some() || !live.is_empty() || !deleted.is_empty() || options.local_seq;
    let following = match bytes {
        AttachmentBytes::Follow => positions(&wanted),
        AttachmentBytes::Inline | AttachmentBytes::Later => Vec::new(),
    };
    let gaps = data.open_gaps_from(out, beginning)?;
    Ok(Showing { meta, following, gaps })
}

fn positions(wanted: &[bool]) -> Vec<usize> {
    wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(number, _)| number).collect()
}

/// Leaves beside the one that is shown, where they are asked for.
fn other_leaves(shown: &Shown<'_>, options: &ShowOptions) -> Vec<Leaf> {
    match shown.tree {
        Some(tree) if options.conflicts || options.deleted_conflicts => {
            let mut leaves = tree.tree.leaves();
            leaves.retain(|leaf| leaf.revision != *shown.revision);
            leaves
        }
        _ => Vec::new(),
    }
}

fn of_kind(leaves: &[Leaf], asked: bool, deleted: bool) -> Vec<Revision> {
    leaves
        .iter()
        .filter(|leaf| asked && leaf.deleted == deleted)
        .map(|leaf| leaf.revision.clone())
        .collect()
}

/// Which attachments are shown with their bytes.
fn wanted_attachments(
    attachments: &[Attachment],
    options: &ShowOptions,
    history: &[Revision],
) -> Vec<bool> {
    let since = options.atts_since.as_ref().map_or(0, |known| {
        history.iter().find(|revision| known.contains(revision)).map_or(0, |found| found.depth)
    });
    attachments.iter().map(|attachment| options.attachments && attachment.revpos > since).collect()
}

/// Bytes of the attachments that are to be shown with their bytes.
pub(crate) fn newer_attachments_bytes(shown: &Shown<'_>, options: &ShowOptions) -> u64 {
    let attachments = &shown.content.attachments;
    if attachments.is_empty() {
        return 0;
    }
    let history = shown.tree.and_then(|tree| tree.tree.history(shown.revision));
    let wanted = wanted_attachments(attachments, options, &history.unwrap_or_default());
    let lengths = attachments.iter().zip(wanted).filter(|(_, wanted)| *wanted);
    lengths.map(|(attachment, _)| attachment.length).fold(0, u64::saturating_add)
}

/// What `_revs_info` says of a history: whether each body can still be read.
async fn statuses(
    database: &dyn Database,
    tree: &DocumentTree,
    history: &[Revision],
) -> Result<Vec<(Revision, RevisionStatus)>, Failure> {
    let views: Vec<_> = history.iter().map(|revision| tree.tree.find(revision)).collect();
    let places = views.iter().map(|view| view.map_or(BodyPlace::Missing, |view| view.place));
    let bodies = database.bodies(places.collect()).await?;
    let statuses = history.iter().zip(views).zip(bodies).map(|((revision, view), body)| {
        let status = match (view, body) {
            (Some(view), _) if view.deleted => RevisionStatus::Deleted,
            (_, Some(_)) => RevisionStatus::Available,
            _ => RevisionStatus::Missing,
        };
        (revision.clone(), status)
    });
    Ok(statuses.collect())
}

#[cfg(test)]
mod tests {
    use refuge_document::Encoding;

    use super::*;

    #[test]
    fn meta_is_three_parameters_in_one() {
        let options = ShowOptions::from_query(&Query::parse(Some("meta=true"))).expect("good");
        assert!(options.revs_info && options.conflicts && options.deleted_conflicts);
        assert!(!options.revs && options.need_tree());
        let options = ShowOptions::from_query(&Query::parse(Some("revs=1"))).expect("ignored");
        assert_eq!(options, ShowOptions::default());
    }

    #[test]
    fn attachments_newer_than_a_known_ancestor_are_wanted() {
        let attachment = |revpos| Attachment {
            name: "a".into(),
            content_type: "text/plain".into(),
            revpos,
            digest: [0; 16],
            content: [0; 32],
            length: 0,
            stored_length: 0,
            encoding: Encoding::Identity,
        };
        let history: Vec<Revision> =
            ["3-c", "2-b", "1-a"].iter().map(|text| text.parse().expect("a revision")).collect();
        let query = Query::parse(Some("atts_since=[%221-a%22,%222-b%22]"));
        let options = ShowOptions::from_query(&query).expect("good");
        let attachments = [attachment(1), attachment(2), attachment(3)];
        assert_eq!(wanted_attachments(&attachments, &options, &history), [false, false, true]);
    }
}
