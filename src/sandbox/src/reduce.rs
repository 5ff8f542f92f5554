//! Reduce functions over groups of rows.

use crate::error::Error;
use crate::limits::ReduceLimit;
use crate::realm::Argument;
use crate::views::Views;

/// A row to be reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReduceRow<'a> {
    /// The key as JSON.
    pub key: &'a str,
    /// The document's id as it is, not as JSON.
    pub id: &'a str,
    /// The value as JSON.
    pub value: &'a str,
}

impl Views {
    /// Reduces each group of rows by one function: `f(keys, values, false)`. Answers one reduction a
    /// group, as JSON.
    ///
    /// A group's error is what the function threw (CouchDB logs that and takes `null`), a limit, or
    /// `reduce_overflow_error` under [`ReduceLimit::Refuse`].
    pub fn reduce(
        &mut self,
        function: usize,
        groups: &[&[ReduceRow<'_>]],
    ) -> Vec<Result<String, Error>> {
        let mut keys = String::new();
        let mut values = String::new();
        let mut reductions = Vec::with_capacity(groups.len());
        for group in groups {
            write_keys(group, &mut keys);
            write_array(group.iter().map(|row| row.value), &mut values);
            reductions.push(self.reduce_one(function, Some(&keys), &values));
        }
        reductions
    }

    /// Reduces each group of reductions (as JSON) by one function: `f(null, values, true)`. Errors
    /// are those of [`Views::reduce`].
    pub fn rereduce(&mut self, function: usize, groups: &[&[&str]]) -> Vec<Result<String, Error>> {
        let mut values = String::new();
        let mut reductions = Vec::with_capacity(groups.len());
        for group in groups {
            write_array(group.iter().copied(), &mut values);
            reductions.push(self.reduce_one(function, None, &values));
        }
        reductions
    }

    fn reduce_one(
        &mut self,
        function: usize,
        keys: Option<&str>,
        values: &str,
    ) -> Result<String, Error> {
        let arguments = [
            Argument::Number(function),
            keys.map_or(Argument::Missing, Argument::Text),
            Argument::Text(values),
        ];
        let reduction = self.realm.call("reduce", &arguments)?;
        let input = keys.map_or(0, str::len).saturating_add(values.len());
        self.check_growth(input, &reduction)?;
        Ok(reduction)
    }

    fn check_growth(&self, input: usize, reduction: &str) -> Result<(), Error> {
        let (bound, is_refused) = match self.realm.limits.reduce {
            ReduceLimit::Refuse(bound) => (bound, true),
            ReduceLimit::Log(bound) => (bound, false),
            ReduceLimit::Allow => return Ok(()),
        };
        let output = reduction.len();
        if !bound.is_passed(input, output) {
            return Ok(());
        }
        let reason = format!(
            "Reduce output must shrink more rapidly: input size: {input} output size: {output}"
        );
        if !is_refused {
            self.realm.journal.add(format!("reduce_overflow_error: {reason}"));
            return Ok(());
        }
        Err(Error::Named { name: "reduce_overflow_error".into(), reason })
    }
}

/// `[[key, id]…]`.
fn write_keys(rows: &[ReduceRow<'_>], json: &mut String) {
    json.clear();
    json.push('[');
    for row in rows {
        json.push_str(if json.len() > 1 { ",[" } else { "[" });
        json.push_str(row.key);
        json.push(',');
        write_text(row.id, json);
        json.push(']');
    }
    json.push(']');
}

/// `[member…]`, of members that are JSON.
fn write_array<'a>(members: impl Iterator<Item = &'a str>, json: &mut String) {
    json.clear();
    json.push('[');
    for member in members {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(member);
    }
    json.push(']');
}

/// A string as JSON. Most ids need no escape.
fn write_text(text: &str, json: &mut String) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}
