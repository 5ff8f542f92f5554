//! Which database an end is: another one when it was deleted and made anew under the same name.

/// What an end tells of that. Both texts are empty where it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `instance_start_time`: the second in which it was made, so two may share it. CouchDB says `"0"` with
    /// commits, and others always: that tells nothing.
    pub started: String,
    /// `instance`, which nodes of refuge tell: no two databases share it.
    pub unique: String,
}

impl Instance {
    /// One that tells when it was made alone.
    pub fn started(started: impl Into<String>) -> Self {
        Self { started: started.into(), unique: String::new() }
    }

    /// One that no other database shares.
    pub fn unique(unique: impl Into<String>) -> Self {
        Self { started: String::new(), unique: unique.into() }
    }

    /// Whether one that is made anew is told from this one in any case.
    pub(crate) fn is_certain(&self) -> bool {
        !self.unique.is_empty()
    }

    /// Whether the end is another database than when it told this.
    pub(crate) fn differs(&self, told: &Self) -> bool {
        if self.is_certain() && told.is_certain() {
            return self.unique != told.unique;
        }
        is_telling(&self.started) && is_telling(&told.started) && self.started != told.started
    }

    /// As a checkpoint names it; empty where nothing is told.
    pub(crate) fn name(&self) -> &str {
        match self.is_certain() {
            true => &self.unique,
            false if is_telling(&self.started) => &self.started,
            false => "",
        }
    }

    /// Whether a checkpoint that holds this name may be of it.
    pub(crate) fn is_named(&self, recorded: &str) -> bool {
        recorded == self.unique || recorded == self.started
    }
}

fn is_telling(started: &str) -> bool {
    !started.is_empty() && started != "0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_made_anew_within_a_second_is_told_by_what_no_two_share() {
        let told = |unique: &str| Instance { started: "7".to_owned(), unique: unique.to_owned() };
        assert!(told("a").differs(&told("b")));
        assert!(!told("a").differs(&told("a")));
        assert!(!told("a").differs(&Instance::started("7")), "nobody can tell");
        assert!(Instance::started("7").differs(&Instance::started("8")));
        assert!(!Instance::started("7").differs(&Instance::started("0")));
        assert!(!Instance::default().differs(&Instance::started("8")));
        assert_eq!((told("a").name(), Instance::started("7").name()), ("a", "7"));
        assert_eq!(Instance::started("0").name(), "");
        assert!(told("a").is_named("7"), "an older checkpoint names it so");
    }
}
