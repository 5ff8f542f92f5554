// A TLS server in front of another one: takes connections with a certificate, and passes on what comes by them.
// Arguments: the certificate and its key, the port of the other server, and an authority that has to vouch for
// clients. It tells its port, then of each client whom its certificate names.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createServer } from 'node:tls';

const [certificate, key, port, authority] = process.argv.slice(2);
const options = { cert: readFileSync(certificate), key: readFileSync(key) };
if (authority) {
  Object.assign(options, { ca: readFileSync(authority), requestCert: true, rejectUnauthorized: true });
}
const server = createServer(options, (client) => {
  console.log(`client ${client.getPeerCertificate().subject?.CN ?? 'unnamed'}`);
  const behind = connect(Number(port), '127.0.0.1');
  const end = () => [client, behind].forEach((stream) => stream.destroy());
  for (const stream of [client, behind]) stream.on('error', end).on('close', end);
  client.pipe(behind).pipe(client);
});
server.on('tlsClientError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
