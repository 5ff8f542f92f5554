//! CouchDB's built-in reduce functions. Sources: CouchDB 3.5's documentation of design documents
//! ("Built-in Reduce Functions") and its `couch_query_servers`.
//!
//! | function | reduction |
//! |---|---|
//! | `_sum` | the JSON of the sum: a number, an array or an object; or a `builtin_reduce_error` object |
//! | `_count` | the JSON of the number of rows |
//! | `_stats` | the JSON of an object with sum, count, min, max and sumsqr, or of an array of such |
//! | `_approx_count_distinct` | registers of a HyperLogLog of 2^11, of which [`Builtin::finish`](super::Reducer::finish) makes the count |
//! | `_first`, `_last` | the first or last row's value |
//! | `_top_N`, `_bottom_N` | an array of the N largest values, largest first, or smallest, smallest first, in view order |
//!
//! Integers are added exactly as long as they fit 128 bits, as CouchDB's are whatever their size;
//! with a double among them a sum is a double, whose last digits depend on how the rows are grouped,
//! which the set of rows alone decides.

mod distinct;
mod number;
mod stats;
mod sum;
mod top;
mod value;

use super::overflow::ReduceLimit;
use super::page::Reduction;
use super::store::{ReduceRow, Reducer, Wanted};
use crate::collation::{Collation, NoCollation, SortKeys};

/// A built-in reduce function.
#[derive(Debug)]
pub struct Builtin(Function);

#[derive(Debug)]
enum Function {
    Sum(Option<ReduceLimit>),
    Count,
    Stats,
    Distinct,
    First,
    Last,
    Top(top::Top),
}

/// A name that begins with an underscore and is none of a built-in function. The text is CouchDB's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a supported reduce function.")]
pub struct UnknownBuiltin(pub String);

/// Why a built-in function does not reduce: what [`Reduction::Failed`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    error: &'static str,
    reason: String,
}

impl Failure {
    /// CouchDB's kind of error where a value is of the wrong kind.
    fn invalid_value(reason: String) -> Self {
        Self { error: "invalid_value", reason }
    }
}

impl Builtin {
    /// The function that a design document names, where its `reduce` begins with an underscore.
    /// `limit` is CouchDB's guard, which concerns `_sum`; `None` is `reduce_limit=false`.
    ///
    /// # Errors
    /// [`UnknownBuiltin`].
    pub fn parse(name: &str, limit: Option<ReduceLimit>) -> Result<Self, UnknownBuiltin> {
        let unknown = || UnknownBuiltin(name.to_owned());
        let ranked = |prefix| {
            let count = name.strip_prefix(prefix).and_then(|digits: &str| digits.parse().ok());
            count.filter(|count| (1..=100).contains(count))
        };
        let top = |count, largest| {
            let keys = SortKeys::new(Collation::Unicode);
            keys.map(|keys| Function::Top(top::Top { keys, count, largest }))
        };
        let function = match name {
            "_sum" => Function::Sum(limit),
            "_count" => Function::Count,
            "_stats" => Function::Stats,
            "_approx_count_distinct" => Function::Distinct,
            "_first" => Function::First,
            "_last" => Function::Last,
            _ => match (ranked("_top_"), ranked("_bottom_")) {
                (Some(count), _) => top(count, true).map_err(|NoCollation| unknown())?,
                (_, Some(count)) => top(count, false).map_err(|NoCollation| unknown())?,
                _ => return Err(unknown()),
            },
        };
        Ok(Self(function))
    }

    fn reduce_group(&self, rows: &[ReduceRow<'_>]) -> Result<Vec<u8>, Failure> {
        let mut values = rows.iter().map(|row| row.value);
        match &self.0 {
            Function::Sum(limit) => sum::sum(values, *limit),
            Function::Count => Ok(rows.len().to_string().into_bytes()),
            Function::Stats => stats::stats(values),
            Function::Distinct => distinct::of_rows(rows),
            Function::First => Ok(values.next().unwrap_or_default().to_vec()),
            Function::Last => Ok(values.next_back().unwrap_or_default().to_vec()),
            Function::Top(top) => top.of_values(values),
        }
    }

    fn rereduce_group(&self, reductions: &[&[u8]]) -> Result<Vec<u8>, Failure> {
        let mut values = reductions.iter().copied();
        match &self.0 {
            Function::Sum(limit) => sum::sum(values, *limit),
            Function::Count => sum::sum(values, None),
            Function::Stats => stats::stats(values),
            Function::Distinct => distinct::union(values),
            Function::First => Ok(values.next().unwrap_or_default().to_vec()),
            Function::Last => Ok(values.next_back().unwrap_or_default().to_vec()),
            Function::Top(top) => top.of_arrays(values),
        }
    }
}

impl<E> Reducer<E> for Builtin {
    fn wanted(&self) -> Wanted {
        match self.0 {
            Function::Count | Function::Distinct => Wanted::RowKeys,
            _ => Wanted::Values,
        }
    }

    fn reduce(&mut self, groups: &[&[ReduceRow<'_>]]) -> Result<Vec<Reduction>, E> {
        Ok(groups.iter().map(|rows| reduction(self.reduce_group(rows))).collect())
    }

    fn rereduce(&mut self, groups: &[Vec<&[u8]>]) -> Result<Vec<Reduction>, E> {
        Ok(groups.iter().map(|parts| reduction(self.rereduce_group(parts))).collect())
    }

    fn finish(&self, reduction: &[u8]) -> Vec<u8> {
        match self.0 {
            Function::Distinct => distinct::estimate(reduction).to_string().into_bytes(),
            _ => reduction.to_vec(),
        }
    }
}

fn reduction(result: Result<Vec<u8>, Failure>) -> Reduction {
    match result {
        Ok(bytes) => Reduction::Value(bytes),
        Err(Failure { error, reason }) => Reduction::Failed { error: error.to_owned(), reason },
    }
}

#[cfg(test)]
mod tests;
