// The way in which Obsidian LiveSync keeps notes alike on two devices: notes are documents that name chunks,
// which are documents too; one device pushes all, the other pulls notes alone by a selector, and fetches
// the chunks that it lacks by their ids. Argument: the database's URL.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import PouchDB from 'pouchdb';
import find from 'pouchdb-find';

PouchDB.plugin(find);
const folder = mkdtempSync(join(tmpdir(), 'refuge-live-sync-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const url = process.argv[2];
const remote = new PouchDB(url, { skip_setup: true });
const [one, two] = ['one', 'two'].map((name) => new PouchDB(join(folder, name)));
const batches = { batch_size: 25, batches_limit: 25 };

// Cuts a text into chunks that are stored under their digests.
async function save(device, id, text) {
  const children = [];
  for (let at = 0; at < text.length; at += 100) {
    const data = text.slice(at, at + 100);
    const chunk = `h:${createHash('sha256').update(data).digest('hex').slice(0, 20)}`;
    children.push(chunk);
    await device.put({ _id: chunk, type: 'leaf', data }).catch((error) => {
      if (error.status !== 409) throw error;
    });
  }
  const known = await device.get(id).catch(() => ({}));
  await device.put({ _id: id, _rev: known._rev, type: 'plain', children, size: text.length });
}

// A note as a device sees it; chunks that it lacks come from the server.
async function read(device, id) {
  const note = await device.get(id);
  const here = await device.allDocs({ keys: note.children, include_docs: true });
  const missing = here.rows.filter((row) => !row.doc).map((row) => row.key);
  if (missing.length > 0) {
    const fetched = await remote.allDocs({ keys: missing, include_docs: true });
    const docs = fetched.rows.map((row) => row.doc);
    await device.bulkDocs(docs, { new_edits: false });
  }
  const all = await device.allDocs({ keys: note.children, include_docs: true });
  return all.rows.map((row) => row.doc.data).join('');
}

const texts = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [
  `note${n}.md`, Array.from({ length: 30 }, (_, line) => `line ${line} of note ${n}, ü`).join('\n'),
]));
for (const [id, text] of Object.entries(texts)) await save(one, id, text);
const pushed = await one.replicate.to(remote, batches);
assert.equal(pushed.doc_write_failures, 0);

const notes = { selector: { type: { $ne: 'leaf' } } };
const pulled = await two.replicate.from(remote, { ...batches, ...notes });
assert.equal(pulled.docs_written, 40);
assert.equal((await two.info()).doc_count, 40);
for (const [id, text] of Object.entries(texts)) assert.equal(await read(two, id), text);

// Live: what one changes the other sees, with a heartbeat of half a minute.
const live = two.replicate.from(remote, { ...batches, ...notes, live: true, heartbeat: 30_000 });
const seen = new Promise((done) => live.on('change', ({ docs }) => {
  if (docs.some((doc) => doc._id === 'note7.md')) done();
}));
const longer = `${texts['note7.md']}\nand one more line`;
await save(one, 'note7.md', longer);
await one.replicate.to(remote, batches);
await seen;
live.cancel();
assert.equal(await read(two, 'note7.md'), longer);

// How it looks at what is new on the server without replicating.
const { origin, pathname, username, password } = new URL(url);
const headers = { authorization: `Basic ${btoa(`${username}:${password}`)}` };
const options = 'include_docs=true&style=all_docs&limit=10000&timeout=1000&feed=longpoll&since=0';
const changes = await fetch(`${origin}${pathname}/_changes?${options}`, { headers });
const { results } = await changes.json();
assert.equal(results.filter((row) => row.doc.type === 'plain').length, 40);
await Promise.all([one.close(), two.close()]);
