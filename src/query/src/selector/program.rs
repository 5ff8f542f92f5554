//! Evaluation of an expression over a document or a value. How expressions are made does not belong
//! here.

use std::cell::OnceCell;
use std::cmp::Ordering;

use serde_json::Value;

use super::document::Document;
use super::expression::{Comparison, Condition, Expression, FieldCondition};
use super::operands::Operands;
use super::paths::{Found, Paths};
use super::text::{elements, members, unquoted};
use super::value::{Item, Order, compare, is_integer, is_same, remainder};

/// An expression and where to find the fields that it names.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    expression: Expression,
    paths: Paths,
}

/// What an expression is evaluated over.
#[derive(Clone, Copy)]
struct Scope<'a> {
    found: &'a [Found<'a>],
    whole: Whole<'a>,
}

/// The value itself, which conditions without a field ask.
#[derive(Clone, Copy)]
enum Whole<'a> {
    Item(Item<'a>),
    /// Its text is made at most once.
    Document(&'a Document<'a>, &'a OnceCell<Vec<u8>>),
}

impl Program {
    pub(crate) fn new(mut expression: Expression) -> Self {
        let mut paths = Paths::default();
        assign(&mut expression, &mut paths);
        Self { expression, paths }
    }

    pub(crate) fn expression(&self) -> &Expression {
        &self.expression
    }

    pub(crate) fn to_json(&self) -> Value {
        self.expression.to_json()
    }

    pub(crate) fn matches(&self, document: &Document<'_>) -> bool {
        self.paths.with_document(document, |found| {
            let text = OnceCell::new();
            let whole = Whole::Document(document, &text);
            Scope { found, whole }.expression(&self.expression)
        })
    }

    /// The parts that do not hold, as they are shown; of a conjunction each by itself.
    pub(crate) fn failures(&self, document: &Document<'_>) -> Vec<Value> {
        self.paths.with_document(document, |found| {
            let text = OnceCell::new();
            let whole = Whole::Document(document, &text);
            let mut failures = Vec::new();
            Scope { found, whole }.collect_failures(&self.expression, &mut failures);
            failures
        })
    }

    fn matches_item(&self, item: Item<'_>) -> bool {
        self.paths.with_item(item, |found| {
            Scope { found, whole: Whole::Item(item) }.expression(&self.expression)
        })
    }
}

/// Gives each field its slot.
fn assign(expression: &mut Expression, paths: &mut Paths) {
    match expression {
        Expression::And(parts) | Expression::Or(parts) | Expression::Nor(parts) => {
            parts.iter_mut().for_each(|part| assign(part, paths));
        }
        Expression::Not(part) => assign(part, paths),
        Expression::Field(field) => {
            let path = field.field.path();
            field.slot = (!path.is_empty()).then(|| paths.add(path));
        }
    }
}

impl Scope<'_> {
    /// `$and` and `$or` of nothing hold.
    fn expression(&self, expression: &Expression) -> bool {
        match expression {
            Expression::And(parts) => parts.iter().all(|part| self.expression(part)),
            Expression::Or(parts) => {
                parts.is_empty() || parts.iter().any(|part| self.expression(part))
            }
            Expression::Nor(parts) => !parts.iter().any(|part| self.expression(part)),
            Expression::Not(part) => !self.expression(part),
            Expression::Field(field) => self.field(field),
        }
    }

    fn collect_failures(&self, expression: &Expression, failures: &mut Vec<Value>) {
        match expression {
            Expression::And(parts) => {
                parts.iter().for_each(|part| self.collect_failures(part, failures));
            }
            other if self.expression(other) => {}
            other => failures.push(other.to_json()),
        }
    }

    fn field(&self, field: &FieldCondition) -> bool {
        let found = match (field.slot, self.whole) {
            (Some(slot), _) => self.found.get(slot).copied().unwrap_or(Found::Missing),
            (None, Whole::Item(item)) => Found::Value(item),
            (None, Whole::Document(document, text)) => {
                Found::Value(Item::Json(text.get_or_init(|| document.text())))
            }
        };
        match found {
            Found::Value(item) if field.field.name() == "_id" => holds(field, item, Order::Terms),
            Found::Value(item) => holds(field, item, Order::Collation),
            Found::Missing => matches!(field.condition, Condition::Exists(false)),
            Found::BadPath => false,
        }
    }
}

fn holds(field: &FieldCondition, item: Item<'_>, order: Order) -> bool {
    condition(&field.condition, item, order) != field.negated
}

fn condition(condition: &Condition, item: Item<'_>, order: Order) -> bool {
    match condition {
        Condition::Compare(comparison, operand) => {
            compares(*comparison, compare(order, item, operand))
        }
        Condition::In(operands) => is_in(item, operands),
        Condition::NotIn(operands) => !is_in(item, operands),
        Condition::Exists(exists) => *exists,
        Condition::Type(name) => item.type_name() == name,
        Condition::Size(size) => {
            item.first() == b'[' && elements(item.json()).count() as u64 == *size
        }
        Condition::Modulo { divisor, remainder: wanted } => {
            matches!(item.first(), b'-' | b'0'..=b'9')
                && is_integer(item.json())
                && remainder(item.json(), *divisor) == *wanted
        }
        Condition::Regex(pattern) => item.string().is_some_and(|text| pattern.is_match(&text)),
        Condition::BeginsWith(prefix) => {
            item.string().is_some_and(|text| text.starts_with(prefix.as_str()))
        }
        Condition::All(operands) => holds_all(item, operands),
        Condition::AnyElement(inner) => {
            elements(item.json()).any(|element| inner.matches_item(Item::Json(element)))
        }
        Condition::EveryElement(inner) => {
            let mut all = elements(item.json()).peekable();
            all.peek().is_some() && all.all(|element| inner.matches_item(Item::Json(element)))
        }
        Condition::AnyKey(inner) => {
            members(item.json()).any(|(name, _)| inner.matches_item(Item::Text(&unquoted(name))))
        }
    }
}

fn compares(comparison: Comparison, ordering: Ordering) -> bool {
    match comparison {
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
        Comparison::Greater => ordering.is_gt(),
    }
}

/// Whether the value, or an element of it where it is an array, equals one of the operands.
fn is_in(item: Item<'_>, operands: &Operands) -> bool {
    if item.first() == b'[' {
        return elements(item.json()).any(|element| operands.contain(Item::Json(element)));
    }
    operands.contain(item)
}

/// Whether an array holds all operands, or is the only one.
fn holds_all(item: Item<'_>, operands: &Operands) -> bool {
    if item.first() != b'[' || operands.different() == 0 {
        return false;
    }
    if operands.single().is_some_and(|only| is_same(item, only, true)) {
        return true;
    }
    let mut held = vec![false; operands.different()];
    for element in elements(item.json()).map(Item::Json) {
        for (rank, operand) in operands.equal(element) {
            if let Some(held) = held.get_mut(rank) {
                *held |= is_same(element, operand, false);
            }
        }
    }
    held.into_iter().all(|held| held)
}
