//! How a node is started, configured and given its first admin.

mod configuration;
mod console;
mod first_admin;
mod root;
