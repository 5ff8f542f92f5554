//! Disk that is not needed is given back, without anybody asking for it.

mod disk;
mod rewritten;
