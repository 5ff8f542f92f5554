// A pouchdb-server, which holds its databases in memory, and its own replicator in both directions with the
// node. Argument: the node's URL. Says where it listens, and ends when it is told a line.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const node = process.argv[2];
// It writes its log and its configuration to where it runs.
const folder = mkdtempSync(join(tmpdir(), 'refuge-pouchdb-server-'));
const words = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const port = await new Promise((done) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => done(port));
  });
});
const binary = resolve('node_modules/pouchdb-server/bin/pouchdb-server');
const options = ['--host', '127.0.0.1', '--port', String(port), '--in-memory', '--no-stdout-logs'];
const server = spawn(process.execPath, [binary, ...options], { cwd: folder, stdio: 'ignore' });
process.on('exit', () => {
  server.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const url = `http://127.0.0.1:${port}`;
async function ask(method, path, body, base = url) {
  const target = new URL(base);
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  if (target.username) {
    headers.authorization = `Basic ${btoa(`${target.username}:${target.password}`)}`;
  }
  const reply = await fetch(`${target.origin}${path}`, {
    method, headers, body: body && JSON.stringify(body),
  });
  const told = await reply.json();
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${JSON.stringify(told)}`);
  return told;
}

// It listens a moment after it was started.
for (let listens = false; !listens;) {
  listens = await fetch(url).then((reply) => reply.ok, () => false);
  if (!listens) await new Promise((done) => setTimeout(done, 20));
}

// What the node is to pull: a changed, a deleted and a conflicting document, and an attachment.
await ask('PUT', '/mine');
const docs = Array.from({ length: 120 }, (_, n) => ({ _id: `s${n}`, n }));
const stored = await ask('POST', '/mine/_bulk_docs', { docs });
await ask('PUT', '/mine/s0', { _rev: stored[0].rev, changed: true });
await ask('DELETE', `/mine/s1?rev=${stored[1].rev}`);
const data = btoa('hello from the server');
await ask('PUT', '/mine/letter', { _attachments: { text: { content_type: 'text/plain', data } } });
const leaves = ['1-aaaa', '1-bbbb'].map((_rev) => ({ _id: 'conflict', _rev }));
await ask('POST', '/mine/_bulk_docs', { docs: leaves, new_edits: false });

// Its own replicator: what it pushes and what it pulls.
const count = async (path, base) => (await ask('GET', path, undefined, base)).doc_count;
await ask('POST', '/_replicate', { source: 'mine', target: `${node}/pushed`, create_target: true });
assert.equal(await count('/pushed', node), 121);
const letter = await ask('GET', '/pushed/letter?attachments=true', undefined, node);
assert.equal(atob(letter._attachments.text.data), 'hello from the server');
await ask('POST', '/_replicate', { source: `${node}/a`, target: 'pulled', create_target: true });
assert.equal(await count('/pulled'), await count('/a', node));

console.log(url);
await words.next();
process.exit(0);
