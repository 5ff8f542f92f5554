//! Endpoints of the node itself.

crate::surface::surface! {
    WELCOME "/" {
        "GET HEAD" Open "what this server is";
    }
    UP "/_up" {
        "GET HEAD" Open "whether the node is well";
    }
    SET_UP "/_setup/{token}" {
        "GET HEAD" Open "the page that makes the first admin";
        "POST" Open "makes the first admin";
    }
    OPENAPI "/_openapi.json" {
        "GET HEAD" Anybody "this description";
    }
    UUIDS "/_uuids" {
        "GET HEAD" Anybody "new identifiers", "count:integer";
    }
    ALL_DATABASES "/_all_dbs" {
        "GET HEAD" ServerAdmin "names of databases",
            "limit:integer skip:integer descending:boolean startkey:json endkey:json";
    }
    DATABASES_INFORMATION "/_dbs_info" {
        "GET HEAD" ServerAdmin "information about databases in a range", "limit:integer skip:integer";
        "POST" ServerAdmin "information about named databases";
    }
    DATABASE_UPDATES "/_db_updates" {
        "GET HEAD" ServerAdmin "what happens to databases",
            "feed:feed timeout:integer since:string limit:integer descending:boolean";
    }
    SESSION "/_session" {
        "GET HEAD" Anybody "who asks", "basic:boolean";
        "POST" Anybody "begins a session", "next:string fail:string";
        "DELETE" Anybody "ends a session", "next:string";
    }
    REPLICATE "/_replicate" {
        "POST" ServerAdmin "replicates once or until it is stopped";
    }
    ACTIVE_TASKS "/_active_tasks" {
        "GET HEAD" ServerAdmin "what runs for long";
    }
    SCHEDULER_JOBS "/_scheduler/jobs" {
        "GET HEAD" ServerAdmin "replications that run or wait", "limit:integer skip:integer";
    }
    SCHEDULER_JOB "/_scheduler/jobs/{id}" {
        "GET HEAD" ServerAdmin "one replication";
    }
    SCHEDULER_DOCUMENTS "/_scheduler/docs" {
        "GET HEAD" ServerAdmin "documents that ask for replications",
            "limit:integer skip:integer states:string";
    }
    SCHEDULER_DOCUMENTS_OF "/_scheduler/docs/{db}" {
        "GET HEAD" ServerAdmin "those of one database", "limit:integer skip:integer states:string";
    }
    SCHEDULER_DOCUMENT "/_scheduler/docs/{db}/{docid}" {
        "GET HEAD" ServerAdmin "one such document's state";
    }
    MEMBERSHIP "/_membership" {
        "GET HEAD" ServerAdmin "the nodes of the cluster: this one";
    }
    CLUSTER_SETUP "/_cluster_setup" {
        "GET HEAD" ServerAdmin "how far the set-up is";
        "POST" ServerAdmin "sets the node up";
    }
    NODE "/_node/{node}" {
        "GET HEAD" ServerAdmin "the node's name";
    }
    VERSIONS "/_node/{node}/_versions" {
        "GET HEAD" ServerAdmin "versions of what the node is made of";
    }
    STATISTICS "/_node/{node}/_stats" {
        "GET HEAD" ServerAdmin "what the node counts";
    }
    SYSTEM "/_node/{node}/_system" {
        "GET HEAD" ServerAdmin "memory, queues and processes";
    }
    PROMETHEUS "/_node/{node}/_prometheus" {
        "GET HEAD" ServerAdmin "what the node counts, for Prometheus";
    }
    RESTART "/_node/{node}/_restart" {
        "POST" ServerAdmin "restarts the node in order";
    }
    CONFIGURATION "/_node/{node}/_config" {
        "GET HEAD" ServerAdmin "the configuration";
    }
    RELOAD "/_node/{node}/_config/_reload" {
        "POST" ServerAdmin "reads the configuration's files anew";
    }
    CONFIGURATION_SECTION "/_node/{node}/_config/{section}" {
        "GET HEAD" ServerAdmin "a section of the configuration";
    }
    CONFIGURATION_KEY "/_node/{node}/_config/{section}/{key}" {
        "GET HEAD" ServerAdmin "a setting";
        "PUT" ServerAdmin "changes a setting", "persist:boolean";
        "DELETE" ServerAdmin "takes a setting back", "persist:boolean";
    }
}
