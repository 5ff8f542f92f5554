//! Actors are killed under load, one after the other and at random: exactly those restart which the
//! specifications name, nothing acknowledged is lost, and feeds miss nothing.

mod escalation;
mod one_by_one;
mod picture;
mod random;
mod scene;
