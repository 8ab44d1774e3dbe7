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
  /** Deletes a tag, as the page on fleets says, and what no other tag names. */
  forget(repository: string, tag: string): Promise<void>;
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
  const lines = [
    'version: 0.1',
    'log: {level: error}',
    'storage:',
    `  filesystem: {rootdirectory: ${storage}}`,
    '  delete: {enabled: true}',
  ];
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
    async forget(repository, tag) {
      const manifests = `http://127.0.0.1:${port}/v2/${repository}/manifests`;
      const accept = 'application/vnd.oci.image.manifest.v1+json';
      const found = await fetch(`${manifests}/${tag}`, { method: 'HEAD', headers: { accept } });
      const deleted = await fetch(`${manifests}/${found.headers.get('docker-content-digest')}`, { method: 'DELETE' });
      if (deleted.status !== 202) throw new Error(`DELETE answered ${deleted.status}`);
      execFileSync('docker-registry', ['garbage-collect', '--delete-untagged', join(directory, 'config.yml')], {
        stdio: 'ignore',
      });
    },
    user,
    password,
    authorization: (repository) => (tokens ? `Bearer ${tokens.issue(repository, ['pull', 'push'])}` : null),
    [Symbol.asyncDispose]: async () => {
      // Tests stop it early to see what becomes of those who use it.
      if (child.exitCode !== null || child.signalCode !== null) return;
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

/** A token service that docker-registry believes: RS256 tokens with their certificate in the header. `private/…` asks for a login, and so does pushing. */
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
  const issue = (name: string, actions: readonly string[]): string => issueAll([{ name, actions }]);
  const issueAll = (access: readonly { readonly name: string; readonly actions: readonly string[] }[]): string => {
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
      access: access.filter((one) => one.actions.length > 0).map((one) => ({ type: 'repository', ...one })),
    });
    return `${head}.${claims}.${sign('sha256', Buffer.from(`${head}.${claims}`), key).toString('base64url')}`;
  };
  const basic = `Basic ${Buffer.from(`${options.user}:${options.password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const login = request.headers.authorization;
    if (url.searchParams.get('service') !== 'layer-tests' || (login !== undefined && login !== basic)) {
      response.writeHead(401).end('{}');
      return;
    }
    const access = url.searchParams.getAll('scope').map((scope) => {
      const [, name = '', asked = ''] = /^repository:([^:]+):(.+)$/.exec(scope) ?? [];
      const rights = login === basic ? ['pull', 'push'] : name.startsWith('private/') ? [] : ['pull'];
      return { name, actions: asked.split(',').filter((one) => rights.includes(one)) };
    });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ token: issueAll(access) }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, server, issue };
}

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
