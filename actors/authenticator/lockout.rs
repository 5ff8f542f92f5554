//! Who gave wrong passwords lately, and has to wait. Two things are counted: what one address tried of
//! one user, as CouchDB 3.5 counts it, and what it tried of anybody, which is given back as time goes
//! by. Everything here is arithmetic on moments that are passed in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use refuge_http::network;

/// The time in which an address gets back as many tries as it has at once.
const PER_MINUTE: Duration = Duration::from_secs(60);

/// What is counted, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockoutRules {
    /// Whether anybody has to wait, or it is only told.
    pub(crate) enforced: bool,
    /// Tries of one user.
    pub(crate) threshold: usize,
    /// Tries of anybody.
    pub(crate) address_threshold: usize,
    /// Addresses and users remembered.
    pub(crate) most: usize,
    /// How long a user is refused after the last wrong password.
    pub(crate) lasts: Duration,
}

/// Why a password is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// This user was tried too often from there.
    User,
    /// The address tried too often; when it may again.
    Address(Duration),
}

/// Whether a password may be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// It may.
    Open,
    /// It may if those that are being compared turn out right.
    Later,
    /// It may not.
    Locked(Locked),
}

/// What failed, and what may.
#[derive(Default)]
pub(crate) struct Lockout {
    /// Attempts under way, of each user and of each address.
    under_way: HashMap<(IpAddr, String), usize>,
    under_way_from: HashMap<IpAddr, usize>,
    users: HashMap<(IpAddr, String), Failed>,
    /// Until when the failures of each address count.
    addresses: HashMap<IpAddr, Instant>,
}

struct Failed {
    /// Of the password that was stored then: with another one it is another matter.
    salt: String,
    times: usize,
    last: Instant,
}

impl Lockout {
    /// Whether a password from there may be looked at. What is under way may still fail, so no more are
    /// looked at than may.
    pub(crate) fn look(
        &self,
        rules: &LockoutRules,
        (address, name, salt): (IpAddr, &str, &str),
        now: Instant,
    ) -> Look {
        let user = (network(address), name.to_owned());
        let address = user.0;
        if let Some(wait) = self.wait(rules, address, now, 0) {
            return Look::Locked(Locked::Address(wait));
        }
        let failed = self.users.get(&user);
        let counts = |failed: &&Failed| failed.salt == salt && now < failed.last + rules.lasts;
        let failed = failed.filter(counts).map_or(0, |failed| failed.times);
        if failed >= rules.threshold {
            return Look::Locked(Locked::User);
        }
        let from_there = self.under_way_from.get(&address).copied().unwrap_or(0);
        let of_user = self.under_way.get(&user).copied().unwrap_or(0);
        let full = self.wait(rules, address, now, from_there).is_some()
            || failed + of_user >= rules.threshold;
        if full { Look::Later } else { Look::Open }
    }

    /// How long an address has to wait before it may fail once more, where so many others fail before.
    fn wait(
        &self,
        rules: &LockoutRules,
        address: IpAddr,
        now: Instant,
        others: usize,
    ) -> Option<Duration> {
        let until = self.addresses.get(&address).copied().unwrap_or(now);
        let failures = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        // They must fit into the time that an address has ahead.
        let next = until.max(now) + each(rules).saturating_mul(failures);
        (next - now).checked_sub(PER_MINUTE).filter(|wait| !wait.is_zero())
    }

    /// An attempt begins.
    pub(crate) fn begin(&mut self, address: IpAddr, name: &str) {
        let address = network(address);
        *self.under_way.entry((address, name.to_owned())).or_default() += 1;
        *self.under_way_from.entry(address).or_default() += 1;
    }

    /// An attempt has ended, one way or the other.
    pub(crate) fn end(&mut self, address: IpAddr, name: &str) {
        let address = network(address);
        lessen(&mut self.under_way, (address, name.to_owned()));
        lessen(&mut self.under_way_from, address);
    }

    /// Counts a wrong password; whether it is the one that makes somebody wait.
    pub(crate) fn failed(
        &mut self,
        rules: &LockoutRules,
        (address, name, salt): (IpAddr, &str, &str),
        now: Instant,
    ) -> bool {
        self.make_room(rules, now);
        let address = network(address);
        let until = self.addresses.entry(address).or_insert(now);
        *until = (*until).max(now) + each(rules);
        let failed = self.users.entry((address, name.to_owned())).or_insert_with(|| Failed {
            salt: salt.to_owned(),
            times: 0,
            last: now,
        });
        if failed.salt != salt || now >= failed.last + rules.lasts {
            *failed = Failed { salt: salt.to_owned(), times: 0, last: now };
        }
        failed.times = failed.times.saturating_add(1);
        failed.last = now;
        failed.times == rules.threshold
    }

    /// Forgets what no longer counts, and else the older half, where there would be too many.
    fn make_room(&mut self, rules: &LockoutRules, now: Instant) {
        if self.users.len() >= rules.most {
            self.users.retain(|_, failed| now < failed.last + rules.lasts);
        }
        if self.users.len() >= rules.most {
            let mut moments: Vec<Instant> = self.users.values().map(|one| one.last).collect();
            moments.sort_unstable();
            let middle = moments.get(moments.len() / 2).copied().unwrap_or(now);
            self.users.retain(|_, failed| failed.last > middle);
        }
        if self.addresses.len() >= rules.most {
            self.addresses.retain(|_, until| *until > now);
        }
        if self.addresses.len() >= rules.most {
            // All of them fail at this very time: whoever has the least to wait for goes.
            let mut moments: Vec<Instant> = self.addresses.values().copied().collect();
            moments.sort_unstable();
            let middle = moments.get(moments.len() / 2).copied().unwrap_or(now);
            self.addresses.retain(|_, until| *until > middle);
        }
    }
}

/// One less; nothing is kept of what is none.
fn lessen<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() = entry.get().saturating_sub(1);
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

/// How long one failure of an address counts.
fn each(rules: &LockoutRules) -> Duration {
    PER_MINUTE / u32::try_from(rules.address_threshold.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LockoutRules = LockoutRules {
        enforced: true,
        threshold: 3,
        address_threshold: 6,
        most: 100,
        lasts: Duration::from_secs(300),
    };

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_user_is_refused_where_it_was_tried_and_nowhere_else() {
        let (mut lockout, now) = (Lockout::default(), Instant::now());
        let (here, there) = (address("10.0.0.1"), address("10.0.0.2"));
        for time in 1..=3 {
            assert_eq!(lockout.look(&RULES, (here, "anna", "s"), now), Look::Open);
            assert_eq!(lockout.failed(&RULES, (here, "anna", "s"), now), time == 3);
        }
        assert_eq!(lockout.look(&RULES, (here, "anna", "s"), now), Look::Locked(Locked::User));
        assert_eq!(lockout.look(&RULES, (there, "anna", "s"), now), Look::Open);
        assert_eq!(lockout.look(&RULES, (here, "bert", "s"), now), Look::Open);
        assert_eq!(lockout.look(&RULES, (here, "anna", "another"), now), Look::Open);
        let later = now + RULES.lasts;
        assert_eq!(lockout.look(&RULES, (here, "anna", "s"), later), Look::Open);
    }

    #[test]
    fn an_address_waits_for_its_next_try() {
        let (mut lockout, now) = (Lockout::default(), Instant::now());
        let here = address("10.0.0.1");
        for number in 0..6 {
            let name = format!("user {number}");
            assert_eq!(lockout.look(&RULES, (here, &name, ""), now), Look::Open);
            lockout.failed(&RULES, (here, &name, ""), now);
        }
        let wait = Duration::from_secs(10);
        assert_eq!(lockout.look(&RULES, (here, "x", ""), now), Look::Locked(Locked::Address(wait)));
        assert_eq!(lockout.look(&RULES, (here, "x", ""), now + wait), Look::Open);
        lockout.failed(&RULES, (here, "x", ""), now + wait);
        assert_ne!(lockout.look(&RULES, (here, "x", ""), now + wait), Look::Open);
        assert_eq!(lockout.look(&RULES, (address("10.0.0.2"), "x", ""), now), Look::Open);
    }

    #[test]
    fn what_is_under_way_may_still_fail() {
        let (mut lockout, now) = (Lockout::default(), Instant::now());
        let here = address("10.0.0.1");
        lockout.failed(&RULES, (here, "anna", "s"), now);
        for _ in 0..2 {
            assert_eq!(lockout.look(&RULES, (here, "anna", "s"), now), Look::Open);
            lockout.begin(here, "anna");
        }
        assert_eq!(lockout.look(&RULES, (here, "anna", "s"), now), Look::Later);
        for number in 0..3 {
            assert_eq!(lockout.look(&RULES, (here, "x", ""), now), Look::Open, "{number}");
            lockout.begin(here, &format!("user {number}"));
        }
        assert_eq!(lockout.look(&RULES, (here, "x", ""), now), Look::Later);
        assert_eq!(lockout.look(&RULES, (address("10.0.0.2"), "anna", "s"), now), Look::Open);
        lockout.end(here, "anna");
        assert_eq!(lockout.look(&RULES, (here, "anna", "s"), now), Look::Open);
        for name in ["anna", "user 0", "user 1", "user 2"] {
            lockout.end(here, name);
        }
        assert!(lockout.under_way.is_empty() && lockout.under_way_from.is_empty());
    }

    #[test]
    fn all_addresses_of_a_network_are_one_and_few_are_remembered() {
        let (mut lockout, now) = (Lockout::default(), Instant::now());
        for number in 0..6 {
            let one = address(&format!("2001:db8::{number}"));
            lockout.failed(&RULES, (one, "x", ""), now);
        }
        let same = (address("2001:db8::ffff"), "y", "");
        assert_ne!(lockout.look(&RULES, same, now), Look::Open);
        for number in 0..1_000 {
            let one = address(&format!("10.0.{}.{}", number / 250, number % 250));
            lockout.failed(&RULES, (one, "x", ""), now + Duration::from_millis(number));
        }
        assert!(lockout.users.len() <= 100 && lockout.addresses.len() <= 100);
    }
}
