//! Endpoints about other nodes, and those that only other nodes use.

crate::surface::surface! {
    MESH "/_mesh" {
        "GET HEAD" ServerAdmin "this node among others, in figures";
    }
    PEERS "/_mesh/peers" {
        "GET HEAD" ServerAdmin "nodes that are known, and those that ask to be trusted";
        "POST" ServerAdmin "accepts the invitation of another node";
    }
    PEER "/_mesh/peers/{peer}" {
        "GET HEAD" ServerAdmin "what is known of a node, and the rules of replication with it";
        "POST" ServerAdmin "says whether a node is trusted, and whether it may vouch for others";
    }
    INVITATIONS "/_mesh/invitations" {
        "GET HEAD" ServerAdmin "invitations that are open";
        "POST" ServerAdmin "invites another node";
    }
    INVITATION "/_mesh/invitations/{number}" {
        "DELETE" ServerAdmin "takes an invitation back";
    }
    INTRODUCTIONS "/_mesh/introductions" {
        "GET HEAD" ServerAdmin "introductions that this node made";
        "POST" ServerAdmin "vouches for nodes towards each other, or hears who vouches";
    }
    DIAGNOSE "/_mesh/diagnose/{peer}" {
        "GET HEAD" ServerAdmin "why a node is up or not, and what to do";
    }
    NODE_EVENTS "/_mesh/events" {
        "GET HEAD" ServerAdmin "what happens to other nodes",
            "feed:feed timeout:integer since:string limit:integer";
    }
    MESSAGES "/_mesh/messages" {
        "GET HEAD" Application "messages that other nodes sent",
            "app:string feed:feed timeout:integer since:string limit:integer";
        "POST" Application "sends a message to other nodes, now or when they are up";
    }
    HUB_NODES "/_mesh/hub/nodes" {
        "GET HEAD" Node "nodes that want to be found, where this node is a hub",
            "after:string limit:integer";
    }
    HUB_NODE "/_mesh/hub/nodes/{peer}" {
        "GET HEAD" Node "where a node is, as it stated itself";
        "PUT" Node "states where the node is that asks";
    }
    PAIR "/_mesh/pair" {
        "POST" Node "comes with an invitation";
    }
    PAIR_REQUEST "/_mesh/pair/request" {
        "POST" Node "asks to be trusted";
    }
    PAIR_ROTATION "/_mesh/pair/rotation" {
        "POST" Node "was trusted under another key";
    }
    LINK "/_mesh/link" {
        "POST" Peer "a link between two nodes";
    }
    REVERSE "/_mesh/reverse" {
        "POST" Peer "a path back to a node that nobody can dial";
    }
}
