//! Which part of all ids a list walks over. Ids are text in byte order, and whatever is not text sorts
//! before all of them.

use refuge_document::partition_bounds;
use serde_json::Value;

use super::Listed;
use super::parameters::Parameters;

/// A key, as far as the order of ids is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Text.
    Text(String),
    /// Anything else: it sorts before all ids.
    BeforeAll,
}

impl From<Value> for Key {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            _ => Self::BeforeAll,
        }
    }
}

/// Where the ids of design documents begin.
pub(super) const DESIGN_BEGIN: &str = "_design/";

/// What stands behind the ids of all design documents: `0` is the character behind `/`.
pub(super) const DESIGN_END: &str = "_design0";

/// The same of local documents.
const LOCAL_BEGIN: &str = "_local/";
const LOCAL_END: &str = "_local0";

impl Listed {
    /// What the ids of the listed documents begin with, where they are not all.
    pub(super) fn prefix(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::Design => Some(DESIGN_BEGIN),
            Self::Local => Some(LOCAL_BEGIN),
        }
    }
}

/// The part of all ids that is walked: where it begins and ends, each with whether it belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Where the walk begins.
    pub(super) start: Option<(String, bool)>,
    /// Where it ends.
    pub(super) end: Option<(String, bool)>,
}

impl Parameters {
    /// What is to be walked; `None` where no id can lie in it.
    pub(super) fn bounds(&self, listed: Listed) -> Option<Bounds> {
        let bounds = self.all_bounds()?;
        match listed {
            Listed::All => match &self.partition {
                Some(partition) => {
                    bounds.turned(self.descending).among_partition(partition, self.descending)
                }
                None => Some(bounds),
            },
            Listed::Design => bounds.turned(self.descending).among_designs(self.descending),
            Listed::Local => bounds.turned(self.descending).among_locals(self.descending),
        }
    }

    /// What is to be walked of all ids.
    fn all_bounds(&self) -> Option<Bounds> {
        let (low, high) =
            if self.descending { (&self.end, &self.start) } else { (&self.start, &self.end) };
        if *high == Some(Key::BeforeAll) {
            return None;
        }
        let text = |key: &Option<Key>| match key {
            Some(Key::Text(text)) => Some(text.clone()),
            Some(Key::BeforeAll) | None => None,
        };
        if let (Some(low), Some(high)) = (text(low), text(high))
            && (low > high || (low == high && !self.inclusive_end))
        {
            return None;
        }
        Some(Bounds {
            start: text(&self.start).map(|text| (text, true)),
            end: text(&self.end).map(|text| (text, self.inclusive_end)),
        })
    }
}

impl Bounds {
    /// With the ends exchanged where `descending`.
    fn turned(self, descending: bool) -> Self {
        let Self { start, end } = self;
        if descending { Self { start: end, end: start } } else { Self { start, end } }
    }

    /// Of bounds from low to high, what lies among the design documents; in the direction of the
    /// walk.
    fn among_designs(self, descending: bool) -> Option<Self> {
        let low = self.start.filter(|(low, _)| low.as_str() >= DESIGN_BEGIN);
        let high = self.end.filter(|(high, _)| high.as_str() < DESIGN_END);
        let low = low.unwrap_or_else(|| (DESIGN_BEGIN.to_owned(), true));
        let high = high.unwrap_or_else(|| (DESIGN_END.to_owned(), false));
        let found = Self { start: Some(low.clone()), end: Some(high.clone()) };
        (low.0 <= high.0).then(|| found.turned(descending))
    }

    /// Of bounds from low to high, what lies in a partition; in the direction of the walk.
    fn among_partition(self, partition: &str, descending: bool) -> Option<Self> {
        let (from, to) = partition_bounds(partition);
        let low = self.start.filter(|(low, _)| *low >= from).unwrap_or((from, true));
        let high = self.end.filter(|(high, _)| *high < to).unwrap_or((to, false));
        let is_within = low.0 <= high.0;
        is_within.then(|| Self { start: Some(low), end: Some(high) }.turned(descending))
    }

    /// Of bounds from low to high, what lies among the local documents, whose ids stand without
    /// their prefix; in the direction of the walk.
    fn among_locals(self, descending: bool) -> Option<Self> {
        let plain = |(id, inclusive): (String, bool)| {
            Some((id.strip_prefix(LOCAL_BEGIN)?.to_owned(), inclusive))
        };
        let below = self.end.as_ref().is_some_and(|(high, _)| high.as_str() < LOCAL_BEGIN);
        let above = self.start.as_ref().is_some_and(|(low, _)| low.as_str() >= LOCAL_END);
        if below || above {
            return None;
        }
        let found = Self { start: self.start.and_then(plain), end: self.end.and_then(plain) };
        Some(found.turned(descending))
    }
}
