//! Two nodes in network namespaces of their own, joined by a link that is cut without anybody being
//! told: no FIN, no RST, no interface that goes down; or by one that is slow and loses packets. A node on a small disk of its own that fills up.
//! Linux's alone, and root's.

#[cfg(target_os = "linux")]
mod discovery;

#[cfg(target_os = "linux")]
mod disk;

#[cfg(target_os = "linux")]
mod full_disk;

#[cfg(target_os = "linux")]
mod network;

#[cfg(target_os = "linux")]
mod pairing;

#[cfg(target_os = "linux")]
mod router;

#[cfg(target_os = "linux")]
mod slow;

#[cfg(target_os = "linux")]
mod story;
