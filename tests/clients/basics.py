"""couchdb3, a CouchDB client of PyPI, and plain requests beside it. Argument: the node's URL."""

import json
import sys
from urllib.parse import urlsplit

import couchdb3
import httpx

url = sys.argv[1]

server = couchdb3.Server(url, auth_method="basic")
assert server.up() and server.info()["couchdb"] == "Welcome"
database = server.create("basics")
assert "basics" in server and "nobody" not in server
assert "basics" in server.all_dbs()

identifier, created, revision = database.create({"_id": "one", "n": 1})
assert (identifier, bool(created)) == ("one", True) and revision.startswith("1-")
assert dict(database.get("one")) == {"_id": "one", "_rev": revision, "n": 1}
assert database.rev("one") == revision and "one" in database
document = database.get("one")
document["n"] = 2
_, _, second = database.save(document)
assert second.startswith("2-")
try:
    database.save({"_id": "one", "_rev": revision})
    raise AssertionError("a conflict goes unnoticed")
except couchdb3.exceptions.ConflictError:
    pass
assert all(row["ok"] for row in database.bulk_docs([{"_id": f"doc-{number}"} for number in range(50)]))
assert len(database.all_docs().rows) == 51
assert len(database.all_docs(keys=["doc-1", "doc-2"]).rows) == 2
got = database.bulk_get([{"id": "doc-1"}, {"id": "one"}])
assert [row["id"] for row in got] == ["doc-1", "one"], got

identifier, stored, third = database.put_attachment("one", "hello.txt", content="hello", content_type="text/plain", rev=second)
assert database.get_attachment("one", "hello.txt").content == b"hello"
assert database.delete("one", third)
assert "one" not in database
changes = database.changes()
assert len(changes["results"]) == 51, changes

security = database.security()
assert security["members"]["roles"] == ["_admin"], security
database.update_security(members={"names": [], "roles": []}, admins={"names": [], "roles": ["_admin"]})
address = urlsplit(url)
anonymous = httpx.Client(base_url=f"http://{address.hostname}:{address.port}")
assert anonymous.get("/basics/doc-1").status_code == 200
assert anonymous.put("/basics/doc-x", json={}).status_code == 201
assert anonymous.put("/mine").status_code == 401

admin = httpx.Client(base_url=f"http://{address.hostname}:{address.port}", auth=("admin", "secret"))
with admin.stream("GET", "/basics/_changes", params={"feed": "continuous", "timeout": 100}) as feed:
    rows = [json.loads(line) for line in feed.iter_lines() if line]
assert "last_seq" in rows[-1] and len(rows) == 53, rows[-3:]
answer = admin.post("/basics", content=b'{"big": 12345678901234567890123, "exact": 1.10}', headers={"content-type": "application/json"})
kept = admin.get(f"/basics/{answer.json()['id']}").text
assert '"big":12345678901234567890123,"exact":1.10' in kept, kept

assert server.replicate(source=f"{url}/basics", target=f"{url}/copy", create_target=True).get("ok")
assert server["copy"].info()["doc_count"] == database.info()["doc_count"]
assert server.delete("copy") and server.delete("basics")
print("couchdb3 is content")
