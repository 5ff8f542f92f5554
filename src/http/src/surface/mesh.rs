//! Endpoints about other nodes, and those that only other nodes use.

mod gives;
mod shapes;
mod takes;

use gives::{diagnosis, invitations, made_invitation, overview, paired, peer, peers};
use takes::{
    asking, frames, hub_record, introduction, invited, new_invitation, new_message, new_pairing,
    peer_action, reversed, rotated,
};

crate::surface::surface! {
    MESH "/_mesh" {
        "GET HEAD" ServerAdmin "this node among others, in figures" gives overview;
    }
    PEERS "/_mesh/peers" {
        "GET HEAD" ServerAdmin "nodes that are known, and those that ask to be trusted" gives peers;
        "POST" ServerAdmin "accepts the invitation of another node" takes new_pairing gives paired;
    }
    PEER "/_mesh/peers/{peer}" {
        "GET HEAD" ServerAdmin "what is known of a node, and the rules of replication with it"
            gives peer;
        "POST" ServerAdmin "says whether a node is trusted, and whether it may vouch for others"
            takes peer_action;
    }
    INVITATIONS "/_mesh/invitations" {
        "GET HEAD" ServerAdmin "invitations that are open" gives invitations;
        "POST" ServerAdmin "invites another node" takes new_invitation gives made_invitation;
    }
    INVITATION "/_mesh/invitations/{number}" {
        "DELETE" ServerAdmin "takes an invitation back";
    }
    INTRODUCTIONS "/_mesh/introductions" {
        "GET HEAD" ServerAdmin "introductions that this node made";
        "POST" ServerAdmin "vouches for nodes towards each other, or hears who vouches"
            takes introduction;
    }
    DIAGNOSE "/_mesh/diagnose/{peer}" {
        "GET HEAD" ServerAdmin "why a node is up or not, and what to do" gives diagnosis;
    }
    NODE_EVENTS "/_mesh/events" {
        "GET HEAD" ServerAdmin "what happens to other nodes",
            "feed:feed timeout:integer since:string limit:integer";
    }
    MESSAGES "/_mesh/messages" {
        "GET HEAD" Application "messages that other nodes sent",
            "app:string feed:feed timeout:integer since:string limit:integer";
        "POST" Application "sends a message to other nodes, now or when they are up"
            takes new_message;
    }
    HUB_NODES "/_mesh/hub/nodes" {
        "GET HEAD" Node "nodes that want to be found, where this node is a hub",
            "after:string limit:integer";
    }
    HUB_NODE "/_mesh/hub/nodes/{peer}" {
        "GET HEAD" Node "where a node is, as it stated itself";
        "PUT" Node "states where the node is that asks" takes hub_record;
    }
    PAIR "/_mesh/pair" {
        "POST" Node "comes with an invitation" takes invited;
    }
    PAIR_REQUEST "/_mesh/pair/request" {
        "POST" Node "asks to be trusted" takes asking;
    }
    PAIR_ROTATION "/_mesh/pair/rotation" {
        "POST" Node "was trusted under another key" takes rotated;
    }
    ROTATIONS "/_mesh/pair/rotation/{peer}" {
        "GET HEAD" Node "how the node that had this id before became the one that it is";
    }
    LINK "/_mesh/link" {
        "POST" Peer "a link between two nodes" takes frames;
    }
    REVERSE "/_mesh/reverse" {
        "POST" Peer "a path back to a node that nobody can dial" takes reversed;
    }
}
