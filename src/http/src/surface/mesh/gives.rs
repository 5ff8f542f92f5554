//! What requests below `/_mesh` are answered with.

use serde_json::{Value, json};

use super::shapes::{count, list, number_or_null, open_object, text, text_or_null, texts, truth};

pub(super) fn overview() -> Value {
    let members = json!({
        "id": text_or_null("this node's id; null while its key is being made"),
        "people": text_or_null("the same for people"),
        "name": text("what this node calls itself"),
        "port": number_or_null("where it listens for other nodes"),
        "peers": count("nodes that are known"),
        "trusted": count("those of them that are trusted"),
        "up": count("those of them that are up"),
        "pending": count("nodes that ask to be trusted"),
        "invitations": count("invitations that are open"),
    });
    open_object(&["id", "name", "peers", "trusted", "up", "pending", "invitations"], members)
}

/// A node that is known.
pub(super) fn peer() -> Value {
    let members = json!({
        "id": text("its id"),
        "people": text("the same for people"),
        "name": text("what it is called here"),
        "up": truth("whether a link with it works"),
        "trust": {"enum": ["trusted", "blocked"], "description": "absent where it is neither"},
        "groups": texts("groups that it is in"),
        "addresses": texts("where it listens"),
        "told_addresses": texts("where it or another node said that it listens"),
        "bandwidth": count("bytes a second of replication with it; absent without a limit"),
        "metered": truth("false: no replication with it while the link is metered"),
        "introducer": truth("whether it may vouch for others"),
        "may_confer": texts("groups that it may put others in"),
        "introductions": {"enum": ["accept", "off"],
            "description": "absent where an admin is asked"},
        "introduced_by": text("the id of the node that vouched for it"),
        "introduced_until": text("until when that one's word holds"),
        "confirmed": truth("whether an admin trusts it, whoever vouched for it"),
        "last_seen": text("when it was last up"),
        "certificate": text_or_null("PEM; of one node that is asked for"),
    });
    open_object(&["id", "people", "name", "up"], members)
}

/// A node that asks to be trusted.
fn pending() -> Value {
    let members = json!({
        "id": text("its id"),
        "people": text("the same for people"),
        "claimed_name": text("what it calls itself"),
        "imitates": text_or_null("the peer whose name looks like that"),
        "addresses": texts("where it says that it listens"),
        "from": text_or_null("where it asked from"),
        "introducer": text_or_null("the id of the node that vouches for it"),
        "introducer_name": text_or_null("what that one is called here"),
        "groups": texts("groups that this one may put it in"),
        "since": text("when it asked"),
    });
    open_object(&["id", "people", "claimed_name"], members)
}

pub(super) fn peers() -> Value {
    let members = json!({"peers": list(peer()), "pending": list(pending())});
    open_object(&["peers", "pending"], members)
}

pub(super) fn paired() -> Value {
    let members = json!({
        "id": text("the other node's id"),
        "name": text("what it is called here"),
        "address": text("where it was reached"),
    });
    open_object(&["id", "name", "address"], members)
}

pub(super) fn invitations() -> Value {
    let one = json!({
        "number": count("to take it back by"),
        "expires": text("until when it is good"),
        "name": text_or_null("what the guest will be called"),
        "groups": texts("groups that the guest will be in"),
        "used_by": text_or_null("the id of the guest that came with it"),
    });
    let one = open_object(&["number", "expires", "groups"], one);
    open_object(&["invitations"], json!({"invitations": list(one)}))
}

pub(super) fn made_invitation() -> Value {
    let members = json!({
        "invitation": text("to be handed over: it holds a secret, which is told once"),
        "number": count("to take it back by"),
        "expires": text("until when it is good"),
    });
    open_object(&["invitation", "number", "expires"], members)
}

pub(super) fn diagnosis() -> Value {
    let members = json!({
        "id": text("the node's id"),
        "name": text("what it is called here"),
        "trust": text_or_null("trusted or blocked, or neither"),
        "certificate": {"type": ["object", "null"],
            "properties": {"proves": text("the id of the node to which its certificate belongs")}},
        "up": truth("whether a link with it works"),
        "link": {"type": ["object", "null"],
            "description": "how far the link with it is; null where it is not trusted",
            "properties": {
                "standing": text("away, settling, up, suspected, relinking or ended"),
                "failed_dials": {"type": "integer", "description": "attempts that failed of late"},
                "last_failure": text_or_null("why the last attempt failed, where none succeeded since"),
            }},
        "listening": number_or_null("the port where this node listens"),
        "outer_address": text_or_null("where this node is reached from outside"),
        "addresses": list(tried_address()),
        "sources": list(source()),
        "hubs": list(hub()),
        "foreign_version": text_or_null("the version of the mesh that it speaks, if another"),
        "trusts_us": {"type": ["boolean", "null"],
            "description": "whether it trusts this node; null where it was not reached"},
        "clock_off_seconds": number_or_null("by how much its clock is ahead"),
        "replication_waits": text_or_null("why replication with it waits"),
        "last_seen": text_or_null("when it was last up"),
        "advice": texts("what is so, and what to do"),
    });
    open_object(&["id", "name", "up", "addresses", "sources", "advice"], members)
}

fn tried_address() -> Value {
    let members = json!({
        "address": text("host:port"),
        "source": text("who told it"),
        "told_ms": number_or_null("when, in milliseconds since 1970"),
        "failures": number_or_null("how often it failed since"),
        "outcome": {"enum": ["reached", "other_node", "failed"]},
        "reason": text_or_null("why, or who is there instead"),
        "other_name": text_or_null("what the one that is there instead is called here"),
    });
    open_object(&["address", "source", "outcome"], members)
}

fn hub() -> Value {
    let members = json!({
        "hub": text("a hub that was asked"),
        "answer": {"enum": ["knows", "knows_nothing", "failed"]},
        "reason": text_or_null("why it failed"),
    });
    open_object(&["hub", "answer"], members)
}

fn source() -> Value {
    let members = json!({
        "source": text("a way to find nodes"),
        "setting": text("what turns it on"),
        "on": truth("whether it is"),
        "speaker": text_or_null("through whom"),
    });
    open_object(&["source", "setting", "on"], members)
}
