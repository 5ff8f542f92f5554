//! The text of an Argon2id hash in PHC's form, as other programs write it too:
//! `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<derived>`, both in base64 without padding. The salt has to be
//! text: a document has it as a member, and cookies are signed with it.

/// What it begins with.
pub(super) const PREFIX: &str = "$argon2id$";

/// Version 1.3 of the function (RFC 9106), the only one that is made or taken.
const VERSION: &str = "v=19";

/// Characters of base64 that are looked at: more than any salt or digest has.
const LONGEST: usize = 1_024;

/// What stands in it.
pub(super) struct Argon2Text {
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) lanes: u32,
    /// As the text that goes into the derivation.
    pub(super) salt: String,
    pub(super) derived: Vec<u8>,
}

pub(super) fn write(argon2: &Argon2Text) -> String {
    let Argon2Text { memory_kib, iterations, lanes, salt, derived } = argon2;
    let (salt, derived) = (encode(salt.as_bytes()), encode(derived));
    format!("{PREFIX}{VERSION}$m={memory_kib},t={iterations},p={lanes}${salt}${derived}")
}

/// What a text says; none where it is in another form, and where the salt is no UTF-8.
pub(super) fn read(text: &str) -> Option<Argon2Text> {
    let mut parts = text.strip_prefix(PREFIX)?.split('$');
    if parts.next()? != VERSION {
        return None;
    }
    let mut numbers = parts.next()?.split(',');
    let mut number = |name: &str| numbers.next()?.strip_prefix(name)?.parse().ok();
    let (memory_kib, iterations, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    let (salt, derived) = (decode(parts.next()?)?, decode(parts.next()?)?);
    let whole = numbers.next().is_none() && parts.next().is_none();
    let salt = String::from_utf8(salt).ok()?;
    whole.then_some(Argon2Text { memory_kib, iterations, lanes, salt, derived })
}

fn encode(bytes: &[u8]) -> String {
    openssl::base64::encode_block(bytes).trim_end_matches('=').to_owned()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST || text.contains('=') {
        return None;
    }
    let padding = "=".repeat((4 - text.len() % 4) % 4);
    let bytes = openssl::base64::decode_block(&format!("{text}{padding}")).ok();
    // OpenSSL's errors would else wait on this thread for whoever looks next.
    drop(openssl::error::ErrorStack::get());
    bytes
}
