import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a job's token may see and where it writes, as GitHub puts it into the token. */
export interface CacheRights {
  /** The own scope first. */
  readonly reads: readonly string[];
  /** Null: the token is read-only. */
  readonly writes: string | null;
}

export interface CacheEntry {
  readonly key: string;
  readonly version: string;
  readonly scope: string;
  readonly blob: string;
  finished: boolean;
}

/** A failure to answer a request with: a status, or `cut`: the connection breaks in the middle of a blob. */
export type CacheFault = number | 'cut' | null;

/** The Actions cache service, version 2, on loopback: its Twirp calls and the blob storage behind them. */
export interface CacheService extends AsyncDisposable {
  /** `ACTIONS_RESULTS_URL`, a token for these rights, and the switch for version 2. */
  environment(rights: CacheRights): Readonly<Record<string, string>>;
  readonly entries: CacheEntry[];
  /** Bytes by blob. */
  readonly blobs: Map<string, Buffer>;
  /** `METHOD path` of every request. */
  readonly requests: string[];
  /** Decides what a request (`CreateCacheEntry`, `GetCacheEntryDownloadURL`, `FinalizeCacheEntryUpload`, `GET blob`, `PUT blob`) fails with. */
  fault: (request: string) => CacheFault;
}

export async function startCacheService(): Promise<CacheService> {
  const entries: CacheEntry[] = [];
  const blobs = new Map<string, Buffer>();
  const blocks = new Map<string, Buffer>();
  const rightsOf = new Map<string, CacheRights>();
  const requests: string[] = [];

  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
      requests.push(`${request.method} ${url.pathname}`);
      const call = /^\/twirp\/github\.actions\.results\.api\.v1\.CacheService\/(\w+)$/.exec(url.pathname)?.[1];
      const name = call ?? `${request.method} blob`;
      const fault = service.fault(name);
      if (typeof fault === 'number') return json(response, fault, { code: 'failed', msg: `answered ${fault}` });
      if (call !== undefined) return answer(call, { request, response, body, base: url.origin });
      return blob({ request, response, body, url, cut: fault === 'cut' });
    });
  });

  const answer = (
    call: string,
    {
      request,
      response,
      body,
      base,
    }: { request: IncomingMessage; response: ServerResponse; body: Buffer; base: string },
  ): void => {
    const rights = rightsOf.get((request.headers.authorization ?? '').replace(/^Bearer /, ''));
    if (!rights) return json(response, 401, { code: 'unauthenticated', msg: 'no token' });
    const asked = JSON.parse(body.toString('utf8')) as { key: string; version: string; restore_keys?: string[] };
    const same = (one: CacheEntry): boolean =>
      one.key === asked.key && one.version === asked.version && one.scope === rights.writes;
    switch (call) {
      case 'CreateCacheEntry': {
        if (rights.writes === null)
          return json(response, 200, { ok: false, message: 'cache write denied: token is read-only' });
        if (entries.some(same)) return json(response, 409, { code: 'already_exists', msg: 'cache entry exists' });
        const entry = { key: asked.key, version: asked.version, scope: rights.writes };
        const name = `blob-${randomBytes(6).toString('hex')}`;
        entries.push({ ...entry, blob: name, finished: false });
        return json(response, 200, { ok: true, signed_upload_url: `${base}/devstoreaccount1/cache/${name}?sig=write` });
      }
      case 'FinalizeCacheEntryUpload': {
        const entry = entries.find(same);
        if (!entry || !blobs.has(entry.blob)) return json(response, 404, { code: 'not_found', msg: 'no such upload' });
        entry.finished = true;
        return json(response, 200, { ok: true, entry_id: String(entries.indexOf(entry) + 1) });
      }
      case 'GetCacheEntryDownloadURL': {
        const found = lookUp([asked.key, ...(asked.restore_keys ?? [])], asked.version, rights.reads);
        if (!found) return json(response, 200, { ok: false });
        const signed = `${base}/devstoreaccount1/cache/${found.blob}?sig=read`;
        return json(response, 200, { ok: true, signed_download_url: signed, matched_key: found.key });
      }
    }
    json(response, 404, { code: 'bad_route', msg: call });
  };

  /** Exactly, else by prefix the newest; the own scope first, then the next. */
  const lookUp = (keys: readonly string[], version: string, scopes: readonly string[]): CacheEntry | null => {
    for (const scope of scopes) {
      const mine = entries.filter((one) => one.finished && one.scope === scope && one.version === version).reverse();
      for (const key of keys) {
        const found = mine.find((one) => one.key === key) ?? mine.find((one) => one.key.startsWith(key));
        if (found) return found;
      }
    }
    return null;
  };

  const blob = ({
    request,
    response,
    body,
    url,
    cut,
  }: {
    request: IncomingMessage;
    response: ServerResponse;
    body: Buffer;
    url: URL;
    cut: boolean;
  }): void => {
    const name = url.pathname.split('/').at(-1) ?? '';
    if (request.method === 'PUT') {
      if (cut) return void request.socket.destroy();
      const id = url.searchParams.get('blockid') ?? '';
      switch (url.searchParams.get('comp')) {
        case 'block':
          blocks.set(`${name} ${id}`, body);
          break;
        case 'blocklist': {
          const ids = [...body.toString('utf8').matchAll(/<Latest>(.*?)<\/Latest>/g)].map(([, one]) => one);
          blobs.set(name, Buffer.concat(ids.map((one) => blocks.get(`${name} ${one}`) ?? Buffer.alloc(0))));
          break;
        }
        default:
          blobs.set(name, body);
      }
      const now = new Date().toUTCString();
      const headers = {
        etag: '"1"',
        'x-ms-request-id': '1',
        'x-ms-version': '2024-11-04',
        date: now,
        'last-modified': now,
      };
      response.writeHead(201, { ...headers, 'x-ms-request-server-encrypted': 'true' }).end();
      return;
    }
    const bytes = blobs.get(name);
    if (!bytes) return void response.writeHead(404).end();
    response.writeHead(200, { 'content-length': bytes.byteLength, 'content-type': 'application/octet-stream' });
    if (request.method === 'HEAD') return void response.end();
    if (!cut) return void response.end(bytes);
    response.write(bytes.subarray(0, Math.floor(bytes.byteLength / 2)), () => response.destroy());
  };

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const service: CacheService = {
    environment(rights) {
      const token = randomBytes(12).toString('hex');
      rightsOf.set(token, rights);
      return { ACTIONS_RESULTS_URL: address, ACTIONS_RUNTIME_TOKEN: token, ACTIONS_CACHE_SERVICE_V2: 'true' };
    },
    entries,
    blobs,
    requests,
    fault: () => null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
