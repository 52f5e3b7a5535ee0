// An OpenID provider at 127.0.0.1 that issues JWT access tokens (RFC 9068), and rotates its keys on command.
//
//     node provider.mjs [FOLDER]
//
// FOLDER is where its packages are installed, by default the folder of this file. It prints one line of JSON when it
// listens, and another one for each command on its standard input:
//
//     rotate         makes new keys and signs with them; the old ones stay published
//     drop-old       stops publishing the old keys
//     id-token ALG   issues an ID token for a client
//
// It ends when its standard input is closed, and so with the process that started it.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

// oidc-provider is made for Node.js 22. Earlier versions lack only this function, which late releases of 20 have.
URL.parse ??= (url, base) => (URL.canParse(url, base) ? new URL(url, base) : null);

const folder = process.argv[2] ?? fileURLToPath(new URL('.', import.meta.url));
const { resolve: find } = createRequire(pathToFileURL(resolve(folder, 'package.json')));
const { Provider, errors } = await import(pathToFileURL(find('oidc-provider')));

// Each algorithm has its own keys, whose `alg` in the JWK set excludes other algorithms.
const KEY_TYPES = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519', {}],
  Ed25519: ['ed25519', {}],
};
const ALGORITHMS = Object.keys(KEY_TYPES);
// A resource's last segment is the signing algorithm of its access tokens.
const RESOURCE = new RegExp(`^https://[a-z]+\\.example/(${ALGORITHMS.join('|')})$`);
const CLIENT_SECRET = 'made-up-secret-of-a-client-for-tests';
const TOKEN_SECONDS = 3600;

function makeKeys(generation) {
  return ALGORITHMS.map((alg) => ({
    ...generateKeyPairSync(...KEY_TYPES[alg]).privateKey.export({ format: 'jwk' }),
    alg,
    use: 'sig',
    kid: `${alg}-${generation}`,
  }));
}

// A client's metadata determine the algorithm of its ID tokens, so each algorithm has a client.
function clientFor(alg) {
  return {
    client_id: `client-${alg}`,
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: alg,
  };
}

function resourceServer(_, resource) {
  const alg = resource.match(RESOURCE)?.[1];
  if (!alg) throw new errors.InvalidTarget();
  return { scope: 'reports:read', accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

function makeProvider(issuer, keys) {
  const provider = new Provider(issuer, {
    clients: ALGORITHMS.map(clientFor),
    jwks: { keys },
    // Not used, since no user logs in; without it there is a warning.
    cookies: { keys: ['made-up'] },
    scopes: ['reports:read'],
    ttl: { ClientCredentials: TOKEN_SECONDS, IdToken: TOKEN_SECONDS },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
  });
  provider.on('server_error', (_, error) => console.error(error));
  return provider;
}

let generation = 0;
let keys = [];
let provider;
let handle;

const server = createServer((request, response) => handle(request, response));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

// A provider's keys are fixed when it is made, so each rotation replaces the provider.
function publish(published) {
  keys = published;
  provider = makeProvider(issuer, keys);
  handle = provider.callback();
  return { kids: keys.map((key) => key.kid) };
}

function rotate() {
  generation += 1;
  // The first key that fits signs.
  return publish([...makeKeys(generation), ...keys]);
}

function dropOld() {
  return publish(keys.slice(0, ALGORITHMS.length));
}

async function issueIdToken(alg) {
  const client = await provider.Client.find(clientFor(alg).client_id);
  const token = new provider.IdToken({ sub: 'alice' }, { client });
  token.scope = 'openid';
  return { id_token: await token.issue({ use: 'idtoken' }) };
}

const COMMANDS = { rotate, 'drop-old': dropOld, 'id-token': issueIdToken };

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

rotate();
say({ port: server.address().port, issuer, client_secret: CLIENT_SECRET });

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.trim().split(' ');
  try {
    say(await COMMANDS[command](...words));
  } catch (error) {
    say({ error: `${line}: ${error}` });
  }
}
server.close();
server.closeAllConnections();
