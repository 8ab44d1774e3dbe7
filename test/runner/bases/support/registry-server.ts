import { execFileSync, spawn } from 'node:child_process';
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a registry wants to know who reads. */
export type RegistryAuth = 'none' | 'token';

/** Debian's docker-registry, running on loopback with a storage of its own; stopped and removed when it is disposed. */
export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Where it keeps its blobs. */
  readonly storage: string;
  /** Digests of all blobs in it. */
  digests(): readonly string[];
  readonly user: string;
  readonly password: string;
  /** The `Authorization` that may push. */
  authorization(repository: string): string | null;
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startRegistry(auth: RegistryAuth): Promise<RegistryServer> {
  const directory = mkdtempSync(join(tmpdir(), 'layer-bases-registry-'));
  const storage = join(directory, 'storage');
  const port = await freePort();
  const [user, password] = ['reader', randomBytes(12).toString('hex')];
  const tokens = auth === 'token' ? await startTokens({ directory, user, password }) : null;
  const lines = ['version: 0.1', 'log: {level: error}', 'storage:', `  filesystem: {rootdirectory: ${storage}}`];
  lines.push('http:', `  addr: 127.0.0.1:${port}`);
  if (tokens) {
    lines.push('auth:', '  token:', `    realm: ${tokens.url}`, '    service: layer-tests', '    issuer: layer-tests');
    lines.push(`    rootcertbundle: ${join(directory, 'token.crt')}`);
  }
  writeFileSync(join(directory, 'config.yml'), `${lines.join('\n')}\n`);
  const child = spawn('docker-registry', ['serve', join(directory, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const answers = async (): Promise<void> => {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (child.exitCode !== null) throw new Error(`docker-registry ended: ${said}`);
      const open = await new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      });
      if (open) return;
      await sleep(50);
    }
    throw new Error(`docker-registry did not answer: ${said}`);
  };
  await Promise.race([answers(), failed]);
  return {
    host: `127.0.0.1:${port}`,
    storage,
    digests() {
      const blobs = join(storage, 'docker/registry/v2/blobs/sha256');
      const all = existsSync(blobs) ? readdirSync(blobs, { recursive: true, encoding: 'utf8' }) : [];
      return all.flatMap((path) => /^..\/([0-9a-f]{64})$/.exec(path)?.[1] ?? []).map((hex) => `sha256:${hex}`);
    },
    user,
    password,
    authorization: (repository) => (tokens ? `Bearer ${tokens.issue(repository, ['pull', 'push'])}` : null),
    [Symbol.asyncDispose]: async () => {
      const gone = new Promise((resolve) => child.once('close', resolve));
      child.kill('SIGKILL');
      await gone;
      tokens?.server.close();
      tokens?.server.closeAllConnections();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface Tokens {
  readonly url: string;
  readonly server: Server;
  readonly issue: (repository: string, actions: readonly string[]) => string;
}

/** A token service that docker-registry believes: RS256 tokens with their certificate in the header. Only `private/…` asks for a login. */
async function startTokens(options: {
  readonly directory: string;
  readonly user: string;
  readonly password: string;
}): Promise<Tokens> {
  const [keyPath, certificatePath] = [join(options.directory, 'token.key'), join(options.directory, 'token.crt')];
  execFileSync(
    'openssl',
    // prettier-ignore
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=layer-tests', '-keyout', keyPath, '-out', certificatePath],
    { stdio: 'ignore' },
  );
  const key = createPrivateKey(readFileSync(keyPath));
  const certificate = readFileSync(certificatePath, 'utf8').replace(/-----[^-]+-----|\s/g, '');
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const issue = (name: string, actions: readonly string[]): string => {
    const now = Math.floor(Date.now() / 1000);
    const head = encode({ typ: 'JWT', alg: 'RS256', x5c: [certificate] });
    const claims = encode({
      iss: 'layer-tests',
      sub: '',
      aud: 'layer-tests',
      exp: now + 300,
      nbf: now - 60,
      iat: now,
      jti: randomBytes(8).toString('hex'),
      access: actions.length > 0 ? [{ type: 'repository', name, actions }] : [],
    });
    return `${head}.${claims}.${sign('sha256', Buffer.from(`${head}.${claims}`), key).toString('base64url')}`;
  };
  const basic = `Basic ${Buffer.from(`${options.user}:${options.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const [, name = '', actions = ''] = /^repository:([^:]+):(.+)$/.exec(url.searchParams.get('scope') ?? '') ?? [];
    const login = request.headers.authorization;
    if (url.searchParams.get('service') !== 'layer-tests' || (login !== undefined && login !== basic)) {
      response.writeHead(401).end('{}');
      return;
    }
    const allowed = !name.startsWith('private/') || login === basic;
    const granted = allowed ? actions.split(',').filter((action) => action === 'pull') : [];
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ token: issue(name, granted) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, server, issue };
}

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
