// tus-js-client, the resumable uploads of browsers and Node.js: an upload is broken off by its own process,
// goes on in another one, survives a hard end of the node, and becomes an attachment. Arguments: the URL of
// the database, and a file in which the client remembers its uploads.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import readline from 'node:readline';
import { FileUrlStorage, Upload } from 'tus-js-client';

const [database, memory] = process.argv.slice(2);
const { username, password, origin, pathname } = new URL(database);
const headers = { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
const base = `${origin}${pathname}`;
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

// Text, so that the node stores it gzipped.
const file = Buffer.from(Array.from({ length: 200_000 }, (_, number) => `line ${number * 7919}\n`).join(''));
const options = {
  endpoint: `${base}/_uploads`,
  headers,
  metadata: { filename: 'lines.txt', filetype: 'text/plain' },
  fingerprint: async () => 'lines',
  urlStorage: new FileUrlStorage(memory),
  storeFingerprintForResuming: true,
  removeFingerprintOnSuccess: true,
  retryDelays: [0, 50, 100, 200, 400, 800, 1600, 3200],
};

// The first attempt ends in the middle.
await new Promise((done, failed) => {
  const upload = new Upload(file, {
    ...options,
    chunkSize: 100_000,
    onError: failed,
    onChunkComplete: (_size, accepted) => {
      if (accepted >= 500_000) upload.abort().then(done, failed);
    },
    onSuccess: () => failed(new Error('it was to be broken off')),
  });
  upload.start();
});
console.log('broken off');
await lines.next();

// Another client finds it and goes on where it stopped, without sending anything twice.
const second = new Upload(file, { ...options, chunkSize: 250_000 });
const [previous] = await second.findPreviousUploads();
assert.ok(previous, 'the client remembers its upload');
second.resumeFromPreviousUpload(previous);
let first;
await new Promise((done, failed) => {
  second.options.onProgress = (sent) => (first ??= sent);
  second.options.onError = failed;
  second.options.onSuccess = done;
  second.start();
});
assert.ok(first >= 500_000, `it began at ${first}`);

// All of it becomes an attachment, the same one that a plain PUT makes.
const id = second.url.split('/').at(-1);
const put = async (path, init) => {
  const reply = await fetch(`${base}/${path}`, { method: 'PUT', ...init, headers: { ...headers, ...init.headers } });
  assert.equal(reply.status, 201, await reply.clone().text());
  return (await reply.json()).rev;
};
const resumed = await put(`resumed/lines.txt?upload=${id}`, {});
const direct = await put('direct/lines.txt', { body: file, headers: { 'Content-Type': 'text/plain' } });
assert.equal(resumed, direct);
const stored = await fetch(`${base}/resumed/lines.txt`, { headers });
assert.equal(stored.headers.get('content-type'), 'text/plain');
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');
assert.equal(digest(Buffer.from(await stored.arrayBuffer())), digest(file));
await assert.rejects(
  new Promise((done, failed) => new Upload(file, { ...options, endpoint: null, uploadUrl: second.url, retryDelays: null, onError: failed, onSuccess: done }).start()),
  'an upload that is done is gone',
);

// What the client terminates is gone, and a length that is told late is taken.
const third = new Upload(file, { ...options, urlStorage: undefined, storeFingerprintForResuming: false, chunkSize: 100_000, uploadLengthDeferred: true });
await new Promise((done, failed) => {
  third.options.onError = failed;
  third.options.onSuccess = done;
  third.start();
});
await third.abort(true);
const gone = await fetch(third.url, { method: 'HEAD', headers: { ...headers, 'Tus-Resumable': '1.0.0' } });
assert.equal(gone.status, 404);
console.log('tus is content');
process.exit(0);
