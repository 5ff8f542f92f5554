//! From a selector's JSON to its expression: implicit operators made explicit, names of fields pushed
//! down to the conditions, negations pushed down to the fields. Evaluation does not belong here.
//!
//! Source: CouchDB, `mango_selector` (`norm_ops`, `norm_fields`, `norm_negations`).

use serde_json::Value;

use super::expression::{Comparison, Condition, Expression, FieldCondition};
use super::field::Field;
use super::operands::Operands;
use super::pattern::Pattern;
use super::program::Program;
use super::value::{Operand, Order};
use crate::mango::MangoError;

/// Deepest nesting of combinations and field names.
const DEPTH_LIMIT: usize = 64;

/// Most conditions and combinations in one selector.
const PART_LIMIT: usize = 2_000;

/// Most regular expressions in one selector; each may take 1 MiB.
const PATTERN_LIMIT: usize = 32;

/// What a selector has left of its bounds.
struct Budget {
    parts: usize,
    patterns: usize,
}

/// The normalised expression of a selector that is not `{}`.
pub(crate) fn normalise(selector: &Value) -> Result<Expression, MangoError> {
    let mut budget = Budget { parts: PART_LIMIT, patterns: PATTERN_LIMIT };
    let expression = push_negations(budget.condition(selector, "", 0)?);
    match &expression {
        Expression::Field(field) if field.field.name().is_empty() => {
            Err(MangoError::MissingFieldName)
        }
        _ => Ok(expression),
    }
}

impl Budget {
    /// What is asked of the field `path`.
    fn condition(
        &mut self,
        value: &Value,
        path: &str,
        depth: usize,
    ) -> Result<Expression, MangoError> {
        if depth >= DEPTH_LIMIT {
            return Err(MangoError::SelectorTooLarge { what: "levels", limit: DEPTH_LIMIT });
        }
        let Value::Object(members) = value else { return self.equality(value, path) };
        let mut all = members.iter();
        match (all.next(), members.len()) {
            (Some((name, argument)), 1) => self.member(name, argument, path, depth),
            (None, _) => self.equality(value, path),
            _ => {
                self.take()?;
                let parts = members
                    .iter()
                    .map(|(name, argument)| self.member(name, argument, path, depth + 1));
                parts.collect::<Result<_, _>>().map(Expression::And)
            }
        }
    }

    fn member(
        &mut self,
        name: &str,
        argument: &Value,
        path: &str,
        depth: usize,
    ) -> Result<Expression, MangoError> {
        match name {
            "$and" => self.parts("$and", argument, path, depth).map(Expression::And),
            "$or" => self.parts("$or", argument, path, depth).map(Expression::Or),
            "$nor" => self.parts("$nor", argument, path, depth).map(Expression::Nor),
            "$not" if argument.is_object() => {
                self.take()?;
                self.condition(argument, path, depth + 1)
                    .map(|part| Expression::Not(Box::new(part)))
            }
            "$not" => Err(MangoError::BadArgument("$not", argument.clone())),
            operator if operator.starts_with('$') => {
                let order = if path == "_id" { Order::Terms } else { Order::Collation };
                let condition = self.operator(operator, argument, order, depth)?;
                self.field(path, condition)
            }
            field if path.is_empty() => self.condition(argument, field, depth + 1),
            field => self.condition(argument, &format!("{path}.{field}"), depth + 1),
        }
    }

    fn parts(
        &mut self,
        operator: &'static str,
        argument: &Value,
        path: &str,
        depth: usize,
    ) -> Result<Vec<Expression>, MangoError> {
        self.take()?;
        let Value::Array(parts) = argument else {
            return Err(MangoError::BadArgument(operator, argument.clone()));
        };
        parts.iter().map(|part| self.condition(part, path, depth + 1)).collect()
    }

    fn equality(&mut self, value: &Value, path: &str) -> Result<Expression, MangoError> {
        self.field(path, Condition::Compare(Comparison::Equal, Operand::new(value)))
    }

    fn field(&mut self, path: &str, condition: Condition) -> Result<Expression, MangoError> {
        self.take()?;
        let field = Field::parse(path)?;
        Ok(Expression::Field(FieldCondition { field, condition, negated: false, slot: None }))
    }

    fn take(&mut self) -> Result<(), MangoError> {
        self.parts = self
            .parts
            .checked_sub(1)
            .ok_or(MangoError::SelectorTooLarge { what: "conditions", limit: PART_LIMIT })?;
        Ok(())
    }

    fn operator(
        &mut self,
        operator: &str,
        argument: &Value,
        order: Order,
        depth: usize,
    ) -> Result<Condition, MangoError> {
        if let Some(comparison) = comparison(operator) {
            return Ok(Condition::Compare(comparison, Operand::new(argument)));
        }
        let operands = |values: &[Value]| Operands::new(values, order);
        match (operator, argument) {
            ("$in", Value::Array(values)) => Ok(Condition::In(operands(values))),
            ("$nin", Value::Array(values)) => Ok(Condition::NotIn(operands(values))),
            ("$all", Value::Array(values)) => {
                Ok(Condition::All(Operands::new(values, Order::Collation)))
            }
            ("$exists", Value::Bool(exists)) => Ok(Condition::Exists(*exists)),
            ("$type", Value::String(name)) => Ok(Condition::Type(name.clone())),
            ("$beginsWith", Value::String(prefix)) => Ok(Condition::BeginsWith(prefix.clone())),
            ("$elemMatch", Value::Object(_)) => {
                self.inner(argument, depth).map(Condition::AnyElement)
            }
            ("$allMatch", Value::Object(_)) => {
                self.inner(argument, depth).map(Condition::EveryElement)
            }
            ("$keyMapMatch", Value::Object(_)) => {
                self.inner(argument, depth).map(Condition::AnyKey)
            }
            ("$regex", Value::String(source)) => self.regex(source),
            ("$size", _) if argument.is_u64() => {
                Ok(Condition::Size(argument.as_u64().unwrap_or_default()))
            }
            ("$mod", Value::Array(numbers)) => modulo(numbers, argument),
            _ => Err(refusal(operator, argument)),
        }
    }

    /// A selector for elements or names; negations inside stay where they are.
    fn inner(&mut self, selector: &Value, depth: usize) -> Result<Box<Program>, MangoError> {
        self.condition(selector, "", depth + 1).map(|inner| Box::new(Program::new(inner)))
    }

    fn regex(&mut self, source: &str) -> Result<Condition, MangoError> {
        self.patterns = self.patterns.checked_sub(1).ok_or(MangoError::SelectorTooLarge {
            what: "regular expressions",
            limit: PATTERN_LIMIT,
        })?;
        Pattern::compile(source).map(Condition::Regex)
    }
}

fn comparison(operator: &str) -> Option<Comparison> {
    Some(match operator {
        "$lt" => Comparison::Less,
        "$lte" => Comparison::LessOrEqual,
        "$eq" => Comparison::Equal,
        "$ne" => Comparison::NotEqual,
        "$gte" => Comparison::GreaterOrEqual,
        "$gt" => Comparison::Greater,
        _ => return None,
    })
}

fn modulo(numbers: &[Value], argument: &Value) -> Result<Condition, MangoError> {
    match numbers {
        [divisor, remainder] => match (divisor.as_i64(), remainder.as_i64()) {
            (Some(divisor), Some(remainder)) if divisor != 0 => {
                Ok(Condition::Modulo { divisor, remainder })
            }
            _ => Err(MangoError::BadArgument("$mod", argument.clone())),
        },
        _ => Err(MangoError::BadArgument("$mod", argument.clone())),
    }
}

/// Operators whose argument is wrong where they are refused.
const TYPED: &[&str] = &[
    "$in",
    "$nin",
    "$all",
    "$exists",
    "$type",
    "$elemMatch",
    "$allMatch",
    "$keyMapMatch",
    "$regex",
    "$size",
    "$mod",
];

/// Operators that CouchDB names and does not have; `$text` needs a text index, which is absent here.
const UNSUPPORTED: &[&str] =
    &["$where", "$geoWithin", "$geoIntersects", "$near", "$nearSphere", "$text"];

fn refusal(operator: &str, argument: &Value) -> MangoError {
    let named = |names: &[&'static str]| names.iter().copied().find(|name| *name == operator);
    if let Some(name) = named(TYPED) {
        return MangoError::BadArgument(name, argument.clone());
    }
    match named(UNSUPPORTED) {
        Some(name) => MangoError::UnsupportedOperator(name),
        None => MangoError::InvalidOperator(operator.to_owned()),
    }
}

/// Pushes negations down to the fields, so that conditions that an index serves can be seen.
fn push_negations(expression: Expression) -> Expression {
    let all = |parts: Vec<Expression>| parts.into_iter().map(push_negations).collect();
    match expression {
        Expression::And(parts) => Expression::And(all(parts)),
        Expression::Or(parts) => Expression::Or(all(parts)),
        Expression::Nor(parts) => Expression::And(parts.into_iter().map(negate).collect()),
        Expression::Not(part) => negate(*part),
        field @ Expression::Field(_) => field,
    }
}

fn negate(expression: Expression) -> Expression {
    match expression {
        Expression::And(parts) => Expression::Or(parts.into_iter().map(negate).collect()),
        Expression::Or(parts) => Expression::And(parts.into_iter().map(negate).collect()),
        Expression::Nor(parts) => Expression::Or(parts.into_iter().map(push_negations).collect()),
        Expression::Not(part) => push_negations(*part),
        Expression::Field(field) => Expression::Field(negate_field(field)),
    }
}

fn negate_field(mut field: FieldCondition) -> FieldCondition {
    field.condition = match field.condition {
        Condition::Compare(comparison, operand) => {
            Condition::Compare(comparison.negated(), operand)
        }
        Condition::In(operands) => Condition::NotIn(operands),
        Condition::NotIn(operands) => Condition::In(operands),
        Condition::Exists(exists) => Condition::Exists(!exists),
        other => {
            field.negated = !field.negated;
            other
        }
    };
    field
}
