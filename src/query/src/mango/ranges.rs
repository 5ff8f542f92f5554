//! What a selector says about the range of a field, and the range of an index that follows. Which
//! index is chosen does not belong here.
//!
//! Source: CouchDB, `mango_idx_view` (`field_ranges`, `start_key`, `end_key`).

use std::cmp::Ordering;

use crate::collation::{KeyError, SORT_KEY_LIMIT_BYTES, SortKeys, array_prefix, behind};
use crate::selector::{
    Comparison, Condition, Expression, FieldCondition, Item, Operand, Order, Selector, compare,
};
use crate::view::KeyRange;

/// The part of an index that has to be read. Documents in it need not match; those outside do not,
/// with CouchDB's one exception: a range of `_id` inside a JSON index is one in the order of its keys,
/// while the selector compares ids by bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Range {
    /// Nothing matches: the answer is `{"docs":[]}`, without a bookmark, statistics or warnings.
    Empty,
    /// Rows of a JSON index, whose keys are arrays. Elements are JSON text.
    Rows {
        /// Elements of the first key, which is in the range.
        start: Vec<Vec<u8>>,
        /// Elements of the last key; keys that go on behind these elements are in the range too.
        end: Vec<Vec<u8>>,
    },
    /// Documents by id, in the order of bytes, both ends included; `None` is the end itself.
    Documents {
        /// First id.
        from: Option<String>,
        /// Last id.
        to: Option<String>,
    },
}

impl Range {
    /// The rows of a JSON index that are in the range, as a view's rows stand; `None` where nothing is
    /// read or the index is `_all_docs`.
    pub fn key_range(&self, keys: &SortKeys) -> Result<Option<KeyRange>, KeyError> {
        let Self::Rows { start, end } = self else { return Ok(None) };
        let from = prefix(keys, start)?;
        let to = behind(&prefix(keys, end)?);
        Ok(Some(KeyRange { from, to: Some(to) }))
    }
}

/// So much of a key stands in an index whatever comes behind it: longer ones are cut off, but not before.
const SURELY_KEPT_BYTES: usize = SORT_KEY_LIMIT_BYTES / 2;

/// What the sort keys of all arrays with these first elements begin with; where that is long, with as many of
/// them as are kept of every key.
fn prefix(keys: &SortKeys, elements: &[Vec<u8>]) -> Result<Vec<u8>, KeyError> {
    let mut count = elements.len();
    loop {
        let elements = elements.get(..count).unwrap_or_default();
        let mut key = keys.key(&[b"[", elements.join(&b',').as_slice(), b"]"].concat())?;
        if let Some(length) = array_prefix(&key, count) {
            key.truncate(length);
        }
        if key.len() <= SURELY_KEPT_BYTES {
            return Ok(key);
        }
        count = count.saturating_sub(1);
    }
}

/// The range of one field.
#[derive(Clone, Debug)]
pub(super) enum FieldRange {
    Empty,
    Between { low: Bound, high: Bound },
}

/// An end of a range.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    /// Nothing is said.
    Open,
    Value {
        operand: Operand,
        /// Whether the value is in the range.
        inclusive: bool,
    },
}

impl Bound {
    fn at(operand: &Operand, inclusive: bool) -> Self {
        Self::Value { operand: operand.clone(), inclusive }
    }

    pub(super) fn operand(&self) -> Option<&Operand> {
        match self {
            Self::Open => None,
            Self::Value { operand, .. } => Some(operand),
        }
    }
}

/// The names of the fields whose ranges a selector tells, sorted.
pub(super) fn indexable_fields(selector: &Selector) -> Vec<&str> {
    let mut names = Vec::new();
    if let Some(expression) = selector.expression() {
        collect_indexable(expression, &mut names);
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn collect_indexable<'a>(expression: &'a Expression, names: &mut Vec<&'a str>) {
    match expression {
        Expression::And(parts) => parts.iter().for_each(|part| collect_indexable(part, names)),
        Expression::Field(field) if is_indexable(field) => names.push(field.field.name()),
        _ => {}
    }
}

fn is_indexable(field: &FieldCondition) -> bool {
    match &field.condition {
        Condition::Compare(comparison, _) => *comparison != Comparison::NotEqual,
        Condition::BeginsWith(_) => !field.negated,
        _ => false,
    }
}

/// The range of each field that has one; only the first empty one where one is empty.
pub(super) fn field_ranges(selector: &Selector) -> Vec<(&str, FieldRange)> {
    let mut ranges = Vec::new();
    for name in indexable_fields(selector) {
        match range_of(selector, name, Order::Collation) {
            FieldRange::Empty => return vec![(name, FieldRange::Empty)],
            range => ranges.push((name, range)),
        }
    }
    ranges
}

/// The range of the field `name`.
pub(super) fn range_of(selector: &Selector, name: &str, order: Order) -> FieldRange {
    let mut range = Narrowing { name, order, low: Bound::Open, high: Bound::Open, empty: false };
    if let Some(expression) = selector.expression() {
        range.expression(expression);
    }
    if range.empty {
        return FieldRange::Empty;
    }
    FieldRange::Between { low: range.low, high: range.high }
}

/// A range on its way through the conditions.
struct Narrowing<'a> {
    name: &'a str,
    order: Order,
    low: Bound,
    high: Bound,
    empty: bool,
}

impl Narrowing<'_> {
    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::And(parts) => parts.iter().for_each(|part| self.expression(part)),
            Expression::Field(field) if field.field.name() == self.name => self.field(field),
            _ => {}
        }
    }

    fn field(&mut self, field: &FieldCondition) {
        if let Some((comparison, operand)) = field.comparison() {
            match comparison {
                Comparison::Less => self.below(operand, false),
                Comparison::LessOrEqual => self.below(operand, true),
                Comparison::Greater => self.above(operand, false),
                Comparison::GreaterOrEqual => self.above(operand, true),
                Comparison::Equal => {
                    self.above(operand, true);
                    self.below(operand, true);
                }
                Comparison::NotEqual => {}
            }
        } else if let (Condition::BeginsWith(prefix), false) = (&field.condition, field.negated) {
            self.begins_with(prefix);
        }
    }

    /// Strings that begin with a prefix stand between it and its continuation with the greatest
    /// character. Vowels that Thai and its kin write before their consonant sort behind it, so a
    /// prefix that ends in one says nothing about it.
    fn begins_with(&mut self, prefix: &str) {
        let settled = prefix.trim_end_matches(sorts_behind_its_consonant);
        self.above(&Operand::new(&settled.into()), true);
        let greatest = match self.order {
            Order::Collation => GREATEST_IN_COLLATION,
            Order::Terms => char::MAX,
        };
        self.below(&Operand::new(&format!("{settled}{greatest}").into()), true);
    }

    fn below(&mut self, operand: &Operand, inclusive: bool) {
        if narrows(&self.high, operand, inclusive, self.order, Ordering::Less) {
            self.high = Bound::at(operand, inclusive);
            self.check();
        }
    }

    fn above(&mut self, operand: &Operand, inclusive: bool) {
        if narrows(&self.low, operand, inclusive, self.order, Ordering::Greater) {
            self.low = Bound::at(operand, inclusive);
            self.check();
        }
    }

    fn check(&mut self) {
        if let (
            Bound::Value { operand: low, inclusive: with_low },
            Bound::Value { operand: high, inclusive: with_high },
        ) = (&self.low, &self.high)
        {
            let ordering = compare(self.order, Item::Json(low.text()), high);
            self.empty |= match ordering {
                Ordering::Less => false,
                Ordering::Equal => !(*with_low && *with_high),
                Ordering::Greater => true,
            };
        }
    }
}

/// Whether an operand narrows a bound, on whose side `inside` values lie.
fn narrows(
    bound: &Bound,
    operand: &Operand,
    inclusive: bool,
    order: Order,
    inside: Ordering,
) -> bool {
    match bound {
        Bound::Open => true,
        Bound::Value { operand: known, inclusive: with_known } => {
            let ordering = compare(order, Item::Json(operand.text()), known);
            ordering == inside || (ordering.is_eq() && *with_known && !inclusive)
        }
    }
}

/// The character that CLDR's root collation puts behind all others.
pub(super) const GREATEST_IN_COLLATION: char = '\u{ffff}';

/// Unicode's property `Logical_Order_Exception`.
fn sorts_behind_its_consonant(character: char) -> bool {
    matches!(
        character,
        '\u{e40}'..='\u{e44}'
            | '\u{ec0}'..='\u{ec4}'
            | '\u{19b5}'..='\u{19b7}'
            | '\u{19ba}'
            | '\u{aab5}'..='\u{aab6}'
            | '\u{aab9}'
            | '\u{aabb}'..='\u{aabc}'
    )
}

/// The range of a JSON index, given the ranges of its first fields.
pub(super) fn rows(ranges: &[FieldRange]) -> Range {
    let mut start = Vec::new();
    let mut end = Vec::new();
    let (mut start_ends, mut end_ends) = (false, false);
    for range in ranges {
        let FieldRange::Between { low, high } = range else { return Range::Empty };
        start_ends |= low.operand().is_none();
        end_ends |= high.operand().is_none();
        if let (Some(operand), false) = (low.operand(), start_ends) {
            start.push(operand.text().to_vec());
        }
        if let (Some(operand), false) = (high.operand(), end_ends) {
            end.push(operand.text().to_vec());
        }
    }
    Range::Rows { start, end }
}

/// The range of `_all_docs`. Ids are strings, which in Erlang's order come behind everything else.
pub(super) fn documents(range: &FieldRange) -> Range {
    let FieldRange::Between { low, high } = range else { return Range::Empty };
    if high.operand().is_some_and(|operand| operand.string().is_none()) {
        return Range::Empty;
    }
    let id = |bound: &Bound| bound.operand().and_then(Operand::string).map(str::to_owned);
    Range::Documents { from: id(low), to: id(high) }
}
