"""schemathesis, which makes requests from the description that the node serves, wrong ones among them:
none may be answered as a failure of the server's own. Arguments: the node's URL with an admin's
credentials, how many requests of each operation, and a seed."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx

url, examples, seed = sys.argv[1:]
parts = urlsplit(url)
base = f"{parts.scheme}://{parts.hostname}:{parts.port}"
admin = httpx.Client(base_url=base, auth=(parts.username, parts.password), timeout=60)

# What ends the node, or makes it another one, or another's, or has it listen for others.
NOT_ASKED = {
    ("/_node/{node}/_restart", "post"),
    ("/_node/{node}/_config/{section}/{key}", "put"),
    ("/_node/{node}/_config/{section}/{key}", "delete"),
    ("/_cluster_setup", "post"),
    ("/_mesh/invitations", "post"),
    ("/{db}", "delete"),
}
# Names that lead somewhere, beside those that schemathesis makes up.
THERE = {
    "node": ["_local"],
    "db": ["surface", "surface-partitioned", "_users", "_replicator", "_peers"],
    "docid": ["a", "p:a", "_design/x"],
    "attachment": ["file"],
    "ddoc": ["x"],
    "view": ["x"],
    "function": ["x"],
    "other": ["x"],
    "partition": ["p"],
    "path": ["x"],
}

for name, query in [("surface", "?ttl=true"), ("surface-partitioned", "?partitioned=true")]:
    admin.put(f"/{name}{query}").raise_for_status()
for name in ["_users", "_replicator"]:
    admin.put(f"/{name}")
file = {"file": {"content_type": "text/plain", "data": "eA=="}}
admin.put("/surface/a", json={"n": 1, "_attachments": file}).raise_for_status()
admin.put("/surface-partitioned/p:a", json={"n": 1}).raise_for_status()
design = {
    "views": {"x": {"map": "function(doc) { emit(doc._id, 1); }", "reduce": "_sum"}},
    "shows": {"x": "function(doc, req) { return JSON.stringify([doc, req]); }"},
    "updates": {"x": "function(doc, req) { return [doc, 'x']; }"},
    "lists": {"x": "function(head, req) { var row; while (row = getRow()) { send(row.key); } }"},
    "filters": {"x": "function(doc, req) { return true; }"},
    "rewrites": [{"from": "x", "to": "../../a"}],
}
admin.put("/surface/_design/x", json=design).raise_for_status()

described = admin.get("/_openapi.json").raise_for_status().json()
for path, operations in described["paths"].items():
    for method in [method for method in operations if (path, method) in NOT_ASKED]:
        del operations[method]
    for parameter in operations.get("parameters", []):
        known = THERE.get(parameter["name"])
        if known:
            parameter["schema"] = {"anyOf": [{"enum": known}, parameter["schema"]]}
    for operation in operations.values():
        if isinstance(operation, dict) and "parameters" in operation:
            # With it a feed goes on for ever.
            kept = [one for one in operation["parameters"] if one["name"] != "heartbeat"]
            operation["parameters"] = kept

with tempfile.TemporaryDirectory() as folder:
    schema = Path(folder, "openapi.json")
    schema.write_text(json.dumps(described))
    command = [Path(sys.executable).with_name("schemathesis"), "run", schema, "--url", base]
    command += ["--auth", f"{parts.username}:{parts.password}"]
    command += ["--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", examples, "--seed", seed, "--workers", "2"]
    command += ["--request-timeout", "60", "--continue-on-failure", "--no-shrink"]
    command += ["--warnings", "off", "--suppress-health-check", "all", "--no-color"]
    running = subprocess.Popen(command, cwd=folder, stdout=sys.stderr)
    while running.poll() is None:
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            print("more are made up", flush=True)

assert running.returncode == 0, "the node failed at some of them"
admin.get("/_up").raise_for_status()
assert admin.get("/surface").raise_for_status().json()["doc_count"] >= 1
