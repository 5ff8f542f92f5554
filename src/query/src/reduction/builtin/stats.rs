//! `_stats`: sum, count, minimum, maximum and sum of squares of numbers, of such objects that were
//! made before, and of arrays of either, element by element.

use std::cmp::Ordering;

use super::Failure;
use super::number::Number;
use super::value::Value;

/// What is known of some numbers.
#[derive(Clone, Debug)]
enum Stats {
    One { sum: Number, count: Number, min: Number, max: Number, sumsqr: Number },
    Each(Vec<Stats>),
}

/// The JSON of what is known of JSON values.
pub(super) fn stats<'a>(values: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Failure> {
    let mut all = None;
    for text in values {
        let value = Value::parse(text)?;
        all = Some(match all {
            None => Stats::of(&value)?,
            Some(stats) => add(stats, &value)?,
        });
    }
    let mut out = Vec::new();
    if let Some(all) = all {
        all.write(&mut out);
    }
    Ok(out)
}

fn wrong(value: &Value) -> Failure {
    Failure::invalid_value(format!(
        "The _stats function requires that map values be numbers or arrays of numbers, not '{}'",
        String::from_utf8_lossy(&value.text())
    ))
}

fn add(stats: Stats, value: &Value) -> Result<Stats, Failure> {
    match (stats, value) {
        (Stats::Each(stats), Value::Array(values)) if stats.len() == values.len() => {
            let added = stats.into_iter().zip(values).map(|(stats, value)| add(stats, value));
            added.collect::<Result<_, _>>().map(Stats::Each)
        }
        (stats @ Stats::One { .. }, Value::Number(_) | Value::Object(_)) => {
            stats.and(Stats::of(value)?)
        }
        _ => Err(wrong(value)),
    }
}

impl Stats {
    /// What is known of one value.
    fn of(value: &Value) -> Result<Self, Failure> {
        match value {
            Value::Number(number) => {
                let (sum, sumsqr) = (*number, number.square()?);
                let count = Number::Integer(1);
                Ok(Self::One { sum, count, min: sum, max: sum, sumsqr })
            }
            Value::Array(values) => {
                values.iter().map(Self::of).collect::<Result<_, _>>().map(Self::Each)
            }
            Value::Object(_) => Ok(Self::One {
                sum: field(value, "sum")?,
                count: field(value, "count")?,
                min: field(value, "min")?,
                max: field(value, "max")?,
                sumsqr: field(value, "sumsqr")?,
            }),
            Value::Other(text) => {
                Err(Failure::invalid_value(format!("non-numeric _stats input: {text}")))
            }
        }
    }

    fn and(self, other: Self) -> Result<Self, Failure> {
        let (
            Self::One { sum, count, min, max, sumsqr },
            Self::One { sum: sum2, count: count2, min: min2, max: max2, sumsqr: sumsqr2 },
        ) = (self, other)
        else {
            return Err(Failure::invalid_value("arrays and numbers in one _stats".to_owned()));
        };
        Ok(Self::One {
            sum: sum.add(sum2)?,
            count: count.add(count2)?,
            min: if min2.compare(min) == Ordering::Less { min2 } else { min },
            max: if max2.compare(max) == Ordering::Greater { max2 } else { max },
            sumsqr: sumsqr.add(sumsqr2)?,
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.value().write(out);
    }

    fn value(&self) -> Value {
        match self {
            Self::Each(each) => Value::Array(each.iter().map(Self::value).collect()),
            Self::One { sum, count, min, max, sumsqr } => {
                let member =
                    |name: &str, number: &Number| (name.to_owned(), Value::Number(*number));
                Value::Object(vec![
                    member("sum", sum),
                    member("count", count),
                    member("min", min),
                    member("max", max),
                    member("sumsqr", sumsqr),
                ])
            }
        }
    }
}

/// A number of an object that was made before.
fn field(value: &Value, name: &str) -> Result<Number, Failure> {
    match value.member(name) {
        Some(Value::Number(number)) => Ok(*number),
        Some(other) => Err(Failure::invalid_value(format!(
            "non-numeric _stats input received for {name}: {}",
            String::from_utf8_lossy(&other.text())
        ))),
        None => Err(Failure::invalid_value(format!(
            "user _stats input missing required field {name} ({})",
            String::from_utf8_lossy(&value.text())
        ))),
    }
}
