import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseChallenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { isLoopback, registryUrl } from './reference.ts';

/** What a registry answered, or that it did not. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  /** Null where there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

export interface ClientOptions {
  /** `ghcr.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  readonly credentials: (registry: string) => Promise<Credentials | null>;
}

interface Request {
  readonly method: string;
  /** A path below `/v2/`, or a whole address that the registry gave. */
  readonly to: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Repositories that are read and written, for the token. */
  readonly repositories: readonly { readonly name: string; readonly actions: string }[];
  readonly signal: AbortSignal;
}

const attempts = 3;
const silenceMs = 60_000;
const chunkBytes = 16 * 1024 * 1024;

/** Reads and writes a registry's repositories over the distribution API (OCI distribution specification 1.1). A failure that may pass is tried again. */
export class RegistryClient {
  readonly #options: ClientOptions;
  readonly #url: string;
  readonly #authorizations = new Map<string, string>();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#url = registryUrl(options.registry, {});
  }

  /** A manifest by tag or digest; null where there is none. */
  async manifest(repository: string, name: string, accept: string, signal: AbortSignal): Promise<Uint8Array | null> {
    const repositories = [{ name: repository, actions: 'pull' }];
    const to = `${repository}/manifests/${name}`;
    const response = await this.#ask({ method: 'GET', to, headers: { accept }, repositories, signal }, [200, 404]);
    if (response.status === 404) {
      await drop(response);
      return null;
    }
    return new Uint8Array(await body(response, signal));
  }

  async putManifest(
    repository: string,
    { tag, type, bytes }: { readonly tag: string; readonly type: string; readonly bytes: Uint8Array },
    signal: AbortSignal,
  ): Promise<void> {
    const repositories = [{ name: repository, actions: 'pull,push' }];
    const headers = { 'content-type': type };
    const to = `${repository}/manifests/${tag}`;
    await drop(await this.#ask({ method: 'PUT', to, headers, body: bytes, repositories, signal }, [200, 201, 202]));
  }

  async hasBlob(repository: string, digest: string, signal: AbortSignal): Promise<boolean> {
    const repositories = [{ name: repository, actions: 'pull,push' }];
    const to = `${repository}/blobs/${digest}`;
    const response = await this.#ask({ method: 'HEAD', to, repositories, signal }, [200, 404]);
    await drop(response);
    return response.status === 200;
  }

  /** Writes a blob to a file, going on where a connection broke; false where there is none. */
  async fetchBlob(
    repository: string,
    blob: { readonly digest: string; readonly sizeBytes: number; readonly path: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    await using file = await open(blob.path, 'w', 0o600);
    let at = 0;
    for (let attempt = 1; ; attempt += 1) {
      const headers: Record<string, string> = at > 0 ? { range: `bytes=${at}-` } : {};
      const repositories = [{ name: repository, actions: 'pull' }];
      const to = `${repository}/blobs/${blob.digest}`;
      const response = await this.#ask({ method: 'GET', to, headers, repositories, signal }, [200, 206, 404]);
      if (response.status === 404) {
        await drop(response);
        return false;
      }
      if (response.status === 200) at = 0;
      const before = at;
      try {
        for await (const chunk of chunks(response, signal)) {
          await file.write(chunk, 0, chunk.byteLength, at);
          at += chunk.byteLength;
          if (at > blob.sizeBytes) return true;
        }
        if (at >= blob.sizeBytes) return true;
      } catch (error) {
        signal.throwIfAborted();
        if (attempt >= attempts && at === before)
          throw new RegistryError(`the connection broke: ${reason(error)}`, null);
        continue;
      }
      if (attempt >= attempts && at === before) return true;
    }
  }

  /** Has the registry take a blob over from another of its repositories; false where it wants the bytes. */
  async mountBlob(
    repository: string,
    { digest, from }: { readonly digest: string; readonly from: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    const repositories = [
      { name: repository, actions: 'pull,push' },
      { name: from, actions: 'pull' },
    ];
    const to = `${repository}/blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`;
    const response = await this.#ask({ method: 'POST', to, repositories, signal }, [201, 202]);
    await drop(response);
    return response.status === 201;
  }

  /** Sends a blob in chunks; after a break it asks how far the registry came and goes on there, or begins again. */
  async pushBlob(
    repository: string,
    { digest, path }: { readonly digest: string; readonly path: string },
    signal: AbortSignal,
  ): Promise<void> {
    const repositories = [{ name: repository, actions: 'pull,push' }];
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const begin = async (): Promise<string> => {
      const to = `${repository}/blobs/uploads/`;
      const started = await this.#ask({ method: 'POST', to, repositories, signal }, [202]);
      await drop(started);
      return this.#location(started);
    };
    let to = await begin();
    let at = 0;
    let failures = 0;
    while (at < size) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, size - at));
      await file.read(chunk, 0, chunk.byteLength, at);
      const headers = {
        'content-type': 'application/octet-stream',
        'content-range': `${at}-${at + chunk.byteLength - 1}`,
      };
      try {
        const sent = await this.#once({ method: 'PATCH', to, headers, body: chunk, repositories, signal });
        await drop(sent);
        if (sent.status !== 202 && sent.status !== 204) throw refused('PATCH', sent);
        to = this.#location(sent);
        at += chunk.byteLength;
      } catch (error) {
        signal.throwIfAborted();
        failures += 1;
        if (failures >= attempts || !mayPass(error)) throw error;
        const state = await this.#ask({ method: 'GET', to, repositories, signal }, [204, 400, 404, 416]);
        await drop(state);
        if (state.status !== 204) {
          // Some give an upload up when a chunk breaks off.
          [to, at] = [await begin(), 0];
          continue;
        }
        to = this.#location(state);
        const reached = /^(?:bytes=)?0-(\d+)$/.exec(state.headers.get('range') ?? '')?.[1];
        at = reached === undefined || reached === '0' ? 0 : Number(reached) + 1;
      }
    }
    const end = new URL(to);
    end.searchParams.set('digest', digest);
    const headers = { 'content-length': '0' };
    await drop(await this.#ask({ method: 'PUT', to: end.href, headers, repositories, signal }, [201, 204]));
  }

  #location(response: Response): string {
    const location = response.headers.get('location');
    if (location === null) throw new RegistryError('the registry does not say where to go on', response.status);
    const url = new URL(location, this.#url);
    // A login goes nowhere else.
    if (url.origin !== new URL(this.#url).origin) throw new RegistryError('the registry leads to another server', null);
    return url.href;
  }

  async #ask(request: Request, expected: readonly number[]): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await this.#once(request);
        if (expected.includes(response.status)) return response;
        await drop(response);
        const error = refused(request.method, response);
        if (!mayPass(error) || attempt >= attempts) throw error;
        await pause(attempt, response.headers.get('retry-after'), request.signal);
      } catch (error) {
        request.signal.throwIfAborted();
        if (!mayPass(error) || attempt >= attempts) throw error;
        if (!(error instanceof RegistryError) || error.status === null) await pause(attempt, null, request.signal);
      }
    }
  }

  async #once(request: Request): Promise<Response> {
    const key = JSON.stringify(request.repositories);
    const first = await this.#send(request, this.#authorizations.get(key) ?? null);
    const challenge = first.status === 401 ? first.headers.get('www-authenticate') : null;
    if (challenge === null) return first;
    await drop(first);
    const authorization = await this.#authorize(challenge, request);
    if (authorization === null) throw new RegistryError(`${this.#options.registry} wants a login`, 401);
    this.#authorizations.set(key, authorization);
    return this.#send(request, authorization);
  }

  async #send(request: Request, authorization: string | null): Promise<Response> {
    const url = request.to.includes('://') ? request.to : `${this.#url}/v2/${request.to}`;
    const silence = AbortSignal.timeout(silenceMs);
    try {
      return await fetch(url, {
        method: request.method,
        headers: { ...request.headers, ...(authorization === null ? {} : { authorization }) },
        body: (request.body as Uint8Array<ArrayBuffer> | undefined) ?? null,
        signal: AbortSignal.any([request.signal, silence]),
      });
    } catch (error) {
      request.signal.throwIfAborted();
      const why = silence.aborted ? `no answer within ${silenceMs / 1000} s` : reason(error);
      throw new RegistryError(`${this.#options.registry} cannot be reached: ${why}`, null);
    }
  }

  async #authorize(header: string, request: Request): Promise<string | null> {
    const challenge = parseChallenge(header);
    if (challenge === null) return null;
    const login = await this.#options.credentials(this.#options.registry);
    const basic =
      login === null ? null : `Basic ${Buffer.from(`${login.user}:${login.password}`, 'utf8').toString('base64')}`;
    if (challenge.scheme === 'basic') return basic;
    const url = URL.canParse(challenge.realm) ? new URL(challenge.realm) : null;
    if (url === null || !(url.protocol === 'https:' || isLoopback(url.host)))
      throw new RegistryError(`the token service of ${this.#options.registry} is not https`, null);
    if (challenge.service !== null) url.searchParams.set('service', challenge.service);
    for (const { name, actions } of request.repositories)
      url.searchParams.append('scope', `repository:${name}:${actions}`);
    const answer = await fetch(url, {
      headers: basic === null ? {} : { authorization: basic },
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(silenceMs)]),
    }).catch((error: unknown) => {
      request.signal.throwIfAborted();
      throw new RegistryError(`the token service cannot be reached: ${reason(error)}`, null);
    });
    if (!answer.ok) {
      await drop(answer);
      throw new RegistryError(`the token service answered ${answer.status}`, answer.status);
    }
    const { token, access_token: accessToken } = (await answer.json()) as Record<string, unknown>;
    const found = token ?? accessToken;
    if (typeof found !== 'string' || !/^[\x21-\x7e]+$/.test(found))
      throw new RegistryError('the token service gives no token', answer.status);
    return `Bearer ${found}`;
  }
}

function refused(method: string, { status }: Response): RegistryError {
  const what = status === 401 || status === 403 ? ': it may not be read or written with this login' : '';
  return new RegistryError(`the registry answered ${status} to ${method}${what}`, status);
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof RegistryError)) return false;
  return error.status === null || error.status === 408 || error.status === 429 || error.status >= 500;
}

async function pause(attempt: number, retryAfter: string | null, signal: AbortSignal): Promise<void> {
  const seconds = retryAfter === null ? Number.NaN : Number(retryAfter);
  const waitMs = Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, 10_000) : 300 * 2 ** attempt;
  await sleep(waitMs, null, { signal });
}

async function drop(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}

const longestManifest = 32 * 1024 * 1024;

async function body(response: Response, signal: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of chunks(response, signal)) {
      length += chunk.byteLength;
      if (length > longestManifest) throw new RegistryError('the manifest is too long', response.status);
      parts.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof RegistryError ? error : new RegistryError(`the connection broke: ${reason(error)}`, null);
  }
  return Buffer.concat(parts);
}

async function* chunks(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  for await (const chunk of response.body) {
    signal.throwIfAborted();
    yield chunk as Uint8Array;
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

/** `sha256:…` of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
