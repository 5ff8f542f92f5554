//! CouchDB's guard against reduce functions whose results grow with what they are given.

/// When a result is too large, of built-in functions and of those in JavaScript. Source: CouchDB's
/// `[query_server_config]` `reduce_limit_threshold` and `reduce_limit_ratio`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ReduceLimit {
    /// Results up to this size, as JSON text, are never too large.
    pub threshold_bytes: usize,
    /// A larger one has to be this many times smaller than what it was made from.
    pub ratio: f64,
}

impl Default for ReduceLimit {
    /// CouchDB's defaults as its `default.ini` tells them.
    fn default() -> Self {
        Self { threshold_bytes: 5000, ratio: 2.0 }
    }
}

/// A result that is too large. The text is CouchDB's `reduce_overflow_error`, which clients know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "Reduce output must shrink more rapidly: input size: {input_bytes} output size: {output_bytes}"
)]
pub struct Overflow {
    /// The JSON text of what was reduced, in bytes: `[keys, values]`.
    pub input_bytes: usize,
    /// The JSON text of the result, in bytes.
    pub output_bytes: usize,
}

impl ReduceLimit {
    /// Whether a result of one call is small enough.
    ///
    /// # Errors
    /// [`Overflow`] where it is not.
    pub fn check(&self, input_bytes: usize, output_bytes: usize) -> Result<(), Overflow> {
        let too_large = output_bytes > self.threshold_bytes
            && output_bytes as f64 * self.ratio > input_bytes as f64;
        if too_large { Err(Overflow { input_bytes, output_bytes }) } else { Ok(()) }
    }
}
