//! Why a job does not run although it could: the one list of reasons, and the words in which they are told,
//! whoever tells them. Who finds them out is not known here.

use std::fmt;

use crate::job::Window;

/// A reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptOff {
    /// It runs in some hours of the day alone, and these are others.
    WindowClosed(Window),
    /// The document of the peer at its end says `metered: false`, and this machine's link is metered.
    LinkMetered,
    /// The same, and the system has not told yet whether it is.
    LinkUnknown,
}

impl fmt::Display for KeptOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WindowClosed(window) => write!(formatter, "its window, {window}, is closed"),
            Self::LinkMetered => formatter
                .write_str("the link is metered, and the peer's document says metered: false"),
            Self::LinkUnknown => formatter.write_str(
                "it is being asked whether the link is metered, since the peer's document says \
                 metered: false",
            ),
        }
    }
}
