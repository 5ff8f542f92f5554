// nano signs in, goes on with its cookie, and signs out.

import assert from "node:assert/strict";
import nano from "nano";

const [url, name, password] = process.argv.slice(2);

const nobody = nano(url);
const { ok, name: told, roles } = await nobody.auth(name, password);
assert.deepEqual([ok, told, roles], [true, name, ["reader"]]);

// nano keeps the cookie as a browser does.
const session = await nobody.session();
assert.equal(session.userCtx.name, name);
assert.equal(session.info.authenticated, "cookie");

const own = await nobody.use("_users").get(`org.couchdb.user:${name}`);
assert.equal(own.name, name);

await assert.rejects(nano(url).auth(name, "wrong"), { statusCode: 401 });
