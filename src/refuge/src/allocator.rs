//! How soon freed memory goes back to the system. One of the two places of ours that call C by themselves: the allocator
//! takes this from no safe interface but the environment, which is too late for a program to set for itself.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{c_int, c_long};
use std::time::{Duration, Instant};

/// `mi_option_purge_delay` of mimalloc 3, which its Rust interface does not name.
const PURGE_DELAY: c_int = 15;
/// What is freed goes back only when more is freed after the delay, and a node that has come to rest frees
/// little: with mimalloc's own 1,000 ms it kept 181 MiB after the benchmark's questions, with this 128. A
/// document written in bulk pays for it, 16 to 20 µs of the processor instead of 9 to 15.
const MILLISECONDS: c_long = 20;

/// To be called before there is a second thread: options are plain numbers.
pub(crate) fn give_back_soon() {
    // SAFETY: the option is one of the allocator's (a test compares its default), no other thread runs yet.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, MILLISECONDS) }
}

/// A thread looks through what it keeps at most so often.
const LOOK: Duration = Duration::from_secs(1);

thread_local! {
    static LOOKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// To be called by a thread that is about to wait. What another thread freed of its memory lies in its pages
/// until it looks, and one that waits does not: that was most of what ten thousand databases left behind that
/// had been open and were closed again.
pub(crate) fn give_back_own() {
    let now = Instant::now();
    if LOOKED.get().is_some_and(|looked| now.duration_since(looked) < LOOK) {
        return;
    }
    LOOKED.set(Some(now));
    // SAFETY: it concerns the memory of this thread that nothing uses, and may be called at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_delay_of_giving_back() {
        let get = || {
            // SAFETY: it reads a number.
            unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }
        };
        assert_eq!(get(), 1_000, "the default of another option, or of another release");
        give_back_soon();
        assert_eq!(get(), MILLISECONDS);
    }
}
