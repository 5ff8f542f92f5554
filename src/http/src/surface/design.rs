//! Endpoints of a design document.

/// What a view is asked for.
const VIEW: &str = "include_docs:boolean conflicts:boolean descending:boolean inclusive_end:boolean \
     limit:integer skip:integer key:json startkey:json endkey:json startkey_docid:string \
     endkey_docid:string keys:json reduce:boolean group:boolean group_level:integer sorted:boolean \
     stable:boolean update:string update_seq:boolean";

crate::surface::surface! {
    DESIGN_DOCUMENT "/{db}/_design/{ddoc}" {
        "GET HEAD" Member "reads a design document", "rev:string revs:boolean attachments:boolean";
        "COPY" Member "copies it, to where one may write";
        "PUT DELETE POST" DatabaseAdmin "writes a design document", "rev:string";
    }
    DESIGN_ATTACHMENT "/{db}/_design/{ddoc}/{attachment}" {
        "GET HEAD" Member "reads an attachment", "rev:string";
        "PUT DELETE" DatabaseAdmin "writes an attachment", "rev:string";
    }
    INFORMATION "/{db}/_design/{ddoc}/_info" {
        "GET HEAD" Member "information about its views";
    }
    VIEW_ROWS "/{db}/_design/{ddoc}/_view/{view}" {
        "GET HEAD POST" Member "rows of a view", VIEW;
    }
    VIEW_QUERIES "/{db}/_design/{ddoc}/_view/{view}/queries" {
        "POST" Member "several questions to a view";
    }
    SHOW "/{db}/_design/{ddoc}/_show/{function}" {
        "GET HEAD POST" Member "what a function makes of nothing";
    }
    SHOW_DOCUMENT "/{db}/_design/{ddoc}/_show/{function}/{docid}" {
        "GET HEAD POST" Member "what a function makes of a document";
    }
    UPDATE "/{db}/_design/{ddoc}/_update/{function}" {
        "PUT POST" Member "a function writes a document";
    }
    UPDATE_DOCUMENT "/{db}/_design/{ddoc}/_update/{function}/{docid}" {
        "PUT POST" Member "a function changes a document";
    }
    LIST "/{db}/_design/{ddoc}/_list/{function}/{view}" {
        "GET HEAD POST" Member "what a function makes of a view", VIEW;
    }
    LIST_OF_OTHER "/{db}/_design/{ddoc}/_list/{function}/{other}/{view}" {
        "GET HEAD POST" Member "what a function makes of another design document's view", VIEW;
    }
    REWRITE "/{db}/_design/{ddoc}/_rewrite/{path}" {
        "GET HEAD POST PUT DELETE" Member "whatever the design document leads to";
    }
}
