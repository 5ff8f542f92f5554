//! Ways to find other nodes, and to be found, each over a library of its own. What they tell is a hint:
//! who is really there is proved by a handshake, and what follows is not decided here. No actor lives here.

mod gateway;
mod hash_table;
mod local_network;
#[cfg(not(target_vendor = "apple"))]
mod system_library;

pub use gateway::{Gateway, GatewayError, Mapping};
pub use hash_table::{HashTable, HashTableError, HashTableOptions};
pub use local_network::{
    Announcement, LocalEvent, LocalNetwork, LocalNetworkError, Speaker, VERSION,
};
