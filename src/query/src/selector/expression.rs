//! Selectors as typed expressions, and their JSON as CouchDB shows it. How they are made and what
//! they match does not belong here.

use serde_json::{Map, Value, json};

use super::field::Field;
use super::operands::Operands;
use super::pattern::Pattern;
use super::program::Program;
use super::value::Operand;

/// A normalised selector. `Not` and `Nor` are left only inside of `$elemMatch`, `$allMatch` and
/// `$keyMapMatch`, where CouchDB leaves them too.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Nor(Vec<Expression>),
    Not(Box<Expression>),
    Field(FieldCondition),
}

/// A condition on one field.
#[derive(Clone, Debug)]
pub(crate) struct FieldCondition {
    pub(crate) field: Field,
    pub(crate) condition: Condition,
    /// The field has to be there all the same.
    pub(crate) negated: bool,
    /// Where a program finds the field; `None` is the value itself.
    pub(crate) slot: Option<usize>,
}

/// What is asked of a field.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    Compare(Comparison, Operand),
    In(Operands),
    NotIn(Operands),
    Exists(bool),
    Type(String),
    Size(u64),
    Modulo { divisor: i64, remainder: i64 },
    Regex(Pattern),
    BeginsWith(String),
    All(Operands),
    AnyElement(Box<Program>),
    EveryElement(Box<Program>),
    AnyKey(Box<Program>),
}

/// How a field compares with an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    pub(crate) fn operator(self) -> &'static str {
        match self {
            Self::Less => "$lt",
            Self::LessOrEqual => "$lte",
            Self::Equal => "$eq",
            Self::NotEqual => "$ne",
            Self::GreaterOrEqual => "$gte",
            Self::Greater => "$gt",
        }
    }

    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::GreaterOrEqual => Self::Less,
            Self::Greater => Self::LessOrEqual,
        }
    }
}

impl Expression {
    /// The expression's JSON.
    pub(crate) fn to_json(&self) -> Value {
        let list = |name: &str, parts: &[Self]| json!({ name: parts.iter().map(Self::to_json).collect::<Vec<_>>() });
        match self {
            Self::And(parts) => list("$and", parts),
            Self::Or(parts) => list("$or", parts),
            Self::Nor(parts) => list("$nor", parts),
            Self::Not(part) => json!({ "$not": part.to_json() }),
            Self::Field(field) => single(field.field.name(), field.to_json()),
        }
    }

    /// The names of the fields that CouchDB counts as a selector's: not those inside of `$not`.
    pub(crate) fn collect_fields<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) | Self::Nor(parts) => {
                parts.iter().for_each(|part| part.collect_fields(names));
            }
            Self::Not(_) => {}
            Self::Field(field) => names.push(field.field.name()),
        }
    }

    /// The names of all fields, those inside of `$not` too.
    pub(crate) fn collect_asked<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) | Self::Nor(parts) => {
                parts.iter().for_each(|part| part.collect_asked(names));
            }
            Self::Not(part) => part.collect_asked(names),
            Self::Field(field) => names.push(field.field.name()),
        }
    }
}

impl FieldCondition {
    fn to_json(&self) -> Value {
        let condition = self.condition.to_json();
        if self.negated { json!({ "$not": condition }) } else { condition }
    }

    /// The operand of a comparison that holds as it stands.
    pub(crate) fn comparison(&self) -> Option<(Comparison, &Operand)> {
        match &self.condition {
            Condition::Compare(comparison, operand) if !self.negated => {
                Some((*comparison, operand))
            }
            _ => None,
        }
    }
}

impl Condition {
    fn to_json(&self) -> Value {
        match self {
            Self::Compare(comparison, operand) => single(comparison.operator(), operand.to_json()),
            Self::In(operands) => json!({ "$in": operands.to_json() }),
            Self::NotIn(operands) => json!({ "$nin": operands.to_json() }),
            Self::All(operands) => json!({ "$all": operands.to_json() }),
            Self::Exists(exists) => json!({ "$exists": exists }),
            Self::Type(name) => json!({ "$type": name }),
            Self::Size(size) => json!({ "$size": size }),
            Self::Modulo { divisor, remainder } => json!({ "$mod": [divisor, remainder] }),
            Self::Regex(pattern) => json!({ "$regex": pattern.source() }),
            Self::BeginsWith(prefix) => json!({ "$beginsWith": prefix }),
            Self::AnyElement(inner) => json!({ "$elemMatch": inner.to_json() }),
            Self::EveryElement(inner) => json!({ "$allMatch": inner.to_json() }),
            Self::AnyKey(inner) => json!({ "$keyMapMatch": inner.to_json() }),
        }
    }
}

fn single(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
