//! Lists of operands, found by halving: `$in` of many ids costs little for each document. What the
//! operators make of what is found does not belong here.

use serde_json::Value;

use super::value::{Item, Operand, Order, compare};

/// The operands of `$in`, `$nin` and `$all`.
#[derive(Clone, Debug)]
pub(crate) struct Operands {
    /// As they were given.
    list: Vec<Operand>,
    /// Their places in the list, in order, each text once.
    sorted: Vec<usize>,
    order: Order,
}

impl Operands {
    pub(crate) fn new(values: &[Value], order: Order) -> Self {
        let list: Vec<Operand> = values.iter().map(Operand::new).collect();
        let mut operands: Vec<(usize, &Operand)> = list.iter().enumerate().collect();
        operands.sort_by(|(_, left), (_, right)| {
            compare(order, Item::Json(left.text()), right)
                .then_with(|| left.text().cmp(right.text()))
        });
        operands.dedup_by(|(_, left), (_, right)| left.text() == right.text());
        let sorted = operands.into_iter().map(|(place, _)| place).collect();
        Self { list, sorted, order }
    }

    /// Whether one of them equals the value.
    pub(crate) fn contain(&self, item: Item<'_>) -> bool {
        self.equal(item).next().is_some()
    }

    /// Those that equal the value, with their places among the different ones.
    pub(crate) fn equal<'a>(
        &'a self,
        item: Item<'a>,
    ) -> impl Iterator<Item = (usize, &'a Operand)> {
        let first = self.sorted.partition_point(|place| {
            self.list.get(*place).is_some_and(|one| compare(self.order, item, one).is_gt())
        });
        let behind = self.sorted.iter().enumerate().skip(first);
        behind
            .filter_map(|(rank, place)| self.list.get(*place).map(|one| (rank, one)))
            .take_while(move |(_, one)| compare(self.order, item, one).is_eq())
    }

    /// Number of different ones.
    pub(crate) fn different(&self) -> usize {
        self.sorted.len()
    }

    /// The only one.
    pub(crate) fn single(&self) -> Option<&Operand> {
        match self.list.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        self.list.iter().map(Operand::to_json).collect()
    }
}
