//! How soon freed memory goes back to the system. The one place of ours that calls C by itself: the allocator
//! takes this from no safe interface but the environment, which is too late for a program to set for itself.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};

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
