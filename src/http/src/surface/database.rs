//! Endpoints of a database.

/// What a list of documents is asked for.
const LIST: &str = "include_docs:boolean conflicts:boolean descending:boolean inclusive_end:boolean \
     limit:integer skip:integer key:json startkey:json endkey:json keys:json update_seq:boolean";

/// What a document is asked for.
const READ: &str = "rev:string revs:boolean revs_info:boolean conflicts:boolean \
     deleted:boolean deleted_conflicts:boolean local_seq:boolean latest:boolean meta:boolean \
     open_revs:json \
     attachments:boolean att_encoding_info:boolean";

/// How a document is written.
const WRITE: &str = "rev:string batch:string new_edits:boolean";

/// What a feed of changes is asked for.
const CHANGES: &str = "feed:feed since:string limit:integer descending:boolean include_docs:boolean \
     style:string timeout:integer heartbeat:integer filter:string doc_ids:json conflicts:boolean \
     attachments:boolean";

crate::surface::surface! {
    WHOLE "/{db}" {
        "GET HEAD" Member "information about the database";
        "POST" Member "writes a document under a new id", "batch:string";
        "PUT" ServerAdmin "makes the database",
            "q:integer n:integer placement:string engine:string ttl:boolean partitioned:boolean";
        "DELETE" ServerAdmin "removes the database";
    }
    ALL_DOCUMENTS "/{db}/_all_docs" {
        "GET HEAD POST" Member "all documents", LIST;
    }
    DESIGN_DOCUMENTS "/{db}/_design_docs" {
        "GET HEAD POST" Member "design documents", LIST;
    }
    LOCAL_DOCUMENTS "/{db}/_local_docs" {
        "GET HEAD POST" Member "local documents", LIST;
    }
    ALL_DOCUMENTS_QUERIES "/{db}/_all_docs/queries" {
        "POST" Member "several lists at once";
    }
    DESIGN_DOCUMENTS_QUERIES "/{db}/_design_docs/queries" {
        "POST" Member "several lists at once";
    }
    LOCAL_DOCUMENTS_QUERIES "/{db}/_local_docs/queries" {
        "POST" Member "several lists at once";
    }
    CONFLICTS "/{db}/_conflicts" {
        "GET HEAD" Member "documents in conflict", "limit:integer start_key:json";
    }
    BULK_DOCUMENTS "/{db}/_bulk_docs" {
        "POST" Member "writes many documents";
    }
    BULK_GET "/{db}/_bulk_get" {
        "POST" Member "reads many revisions", "revs:boolean attachments:boolean latest:boolean";
    }
    CHANGES_FEED "/{db}/_changes" {
        "GET HEAD POST" Member "changes", CHANGES;
    }
    REVISIONS_DIFFERENCE "/{db}/_revs_diff" {
        "POST" Member "which revisions are missing here";
    }
    MISSING_REVISIONS "/{db}/_missing_revs" {
        "POST" Member "which revisions are missing here, in an older form";
    }
    OPTIONS "/{db}/_options" {
        "GET HEAD" Member "what the database was made with";
        "PUT" DatabaseAdmin "changes it";
    }
    ON_DEMAND "/{db}/_on_demand" {
        "GET HEAD" Member "whether other nodes, and a function, are asked for documents that are missing";
        "PUT" ServerAdmin "changes it";
    }
    PURGE "/{db}/_purge" {
        "POST" ServerAdmin "removes revisions without a trace";
    }
    PURGED_INFOS "/{db}/_purged_infos" {
        "GET HEAD" ServerAdmin "what was purged";
    }
    PURGED_INFOS_LIMIT "/{db}/_purged_infos_limit" {
        "GET HEAD" ServerAdmin "how many records of purges are kept";
        "PUT" ServerAdmin "changes it";
    }
    SECURITY "/{db}/_security" {
        "GET HEAD" Member "who may do what";
        "PUT" DatabaseAdmin "changes it";
    }
    REVISIONS_LIMIT "/{db}/_revs_limit" {
        "GET HEAD" Member "how many revisions are remembered";
        "PUT" DatabaseAdmin "changes it";
    }
    ENSURE_FULL_COMMIT "/{db}/_ensure_full_commit" {
        "POST" Member "waits until all that was written is on disk";
    }
    PARTITION "/{db}/_partition/{partition}" {
        "GET HEAD" Member "information about a partition";
    }
    SHARDS "/{db}/_shards" {
        "GET HEAD" Member "the shards";
    }
    SHARD_OF "/{db}/_shards/{docid}" {
        "GET HEAD" Member "the shard of a document";
    }
    SYNC_SHARDS "/{db}/_sync_shards" {
        "POST" ServerAdmin "there is nothing to do here";
    }
    RANDOM_DOCUMENT "/{db}/_random_doc" {
        "GET HEAD" Member "any document", "attachments:boolean conflicts:boolean";
    }
    COMPACT "/{db}/_compact" {
        "POST" DatabaseAdmin "gives disk back";
    }
    COMPACT_VIEWS "/{db}/_compact/{ddoc}" {
        "POST" DatabaseAdmin "gives the disk of views back";
    }
    FIND "/{db}/_find" {
        "POST" Member "documents that a selector matches";
    }
    EXPLAIN "/{db}/_explain" {
        "POST" Member "how they would be found";
    }
    INDEXES "/{db}/_index" {
        "GET HEAD" Member "indexes";
        "POST" DatabaseAdmin "makes an index";
    }
    INDEXES_BULK_DELETE "/{db}/_index/_bulk_delete" {
        "POST" DatabaseAdmin "removes many indexes";
    }
    INDEX "/{db}/_index/{ddoc}/{type}/{name}" {
        "DELETE" DatabaseAdmin "removes an index";
    }
    VIEW_CLEANUP "/{db}/_view_cleanup" {
        "POST" DatabaseAdmin "removes rows of views that nobody asks for";
    }
    UPLOADS "/{db}/_uploads" {
        "OPTIONS POST" Member "begins an upload that may be resumed";
    }
    UPLOAD "/{db}/_uploads/{upload}" {
        "OPTIONS HEAD PATCH DELETE" Member "goes on with such an upload";
    }
    LOCAL_DOCUMENT "/{db}/_local/{docid}" {
        "GET HEAD" Member "reads a local document";
        "PUT DELETE COPY" Member "writes a local document", "rev:string";
    }
    DOCUMENT "/{db}/{docid}" {
        "GET HEAD" Member "reads a document", READ;
        "PUT DELETE COPY" Member "writes a document", WRITE;
        "POST" Member "writes a document from a form";
    }
    ATTACHMENT "/{db}/{docid}/{attachment}" {
        "GET HEAD" Member "reads an attachment", "rev:string";
        "PUT DELETE" Member "writes an attachment", "rev:string upload:string";
    }
}
