//! Questions to a database, without doing anything: the order of JSON values, the rows of views and
//! their reductions, selectors and the choice of an index. What a question reads is passed in.

pub mod collation;
pub mod design;
mod format;
pub mod mango;
pub mod reduction;
pub mod selector;
pub mod validation;
pub mod view;

pub use format::FormatError;
