//! Members of requests, each taken once; what is left over is refused. What they mean does not belong
//! here.

use serde_json::{Map, Value};

use super::MangoError;

/// The members of a request that nobody took yet.
pub(super) struct Options<'a> {
    members: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Options<'a> {
    pub(super) fn new(request: &'a Value) -> Result<Self, MangoError> {
        let members = request.as_object().ok_or(MangoError::NotAnObject)?;
        Ok(Self { members, taken: Vec::new() })
    }

    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.members.get(name)
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<&'a Value, MangoError> {
        self.take(name).ok_or(MangoError::MissingKey(name))
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), MangoError> {
        match self.members.keys().find(|name| !self.taken.contains(&name.as_str())) {
            Some(name) => Err(MangoError::InvalidKey(name.clone())),
            None => Ok(()),
        }
    }
}

pub(super) fn text(value: &Value) -> Result<&str, MangoError> {
    value.as_str().ok_or_else(|| MangoError::InvalidString(value.clone()))
}

pub(super) fn boolean(value: &Value) -> Result<bool, MangoError> {
    value.as_bool().ok_or_else(|| MangoError::InvalidBoolean(value.clone()))
}

pub(super) fn positive(value: &Value) -> Result<u64, MangoError> {
    let number = value.as_u64().filter(|number| *number > 0);
    number.ok_or_else(|| MangoError::InvalidPositiveInteger(value.clone()))
}

pub(super) fn integer(value: &Value) -> Result<u64, MangoError> {
    value.as_u64().ok_or_else(|| MangoError::InvalidInteger(value.clone()))
}
