import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BaseError } from '../failure.ts';
import { parseChallenge, type Challenge } from '../../../registry/challenge.ts';
import type { Credentials } from '../../../registry/credentials.ts';
import { manifestTypes } from './manifest.ts';
import { isLoopback, printReference, registryUrl, type ImageReference } from '../../../registry/reference.ts';

/** How long a registry may keep us waiting for the next byte. */
const silenceMs = 60_000;
const attempts = 4;
const manifestBytes = 8 * 1024 * 1024;

export interface RegistryOptions {
  readonly mirrors: Readonly<Record<string, string>>;
  /** Asked when a server (`host[:port]`, or `docker.io`) wants to know who we are; null stays anonymous. */
  readonly credentials: (registry: string) => Promise<Credentials | null>;
  readonly signal: AbortSignal;
}

/**
 * Reads one repository of a registry over the distribution API (OCI distribution specification 1.1, "Pull"), without any daemon.
 * Every request is repeated when the network or the server fails, and answers the registry's challenge once.
 */
export class Registry {
  readonly #reference: ImageReference;
  readonly #options: RegistryOptions;
  readonly #url: string;
  /** Whose login is sent: a mirror never gets the one of the registry it stands in for. */
  readonly #server: string;
  #authorization: string | null = null;

  constructor(reference: ImageReference, options: RegistryOptions) {
    this.#reference = reference;
    this.#options = options;
    const url = registryUrl(reference.registry, options.mirrors);
    this.#server = options.mirrors[reference.registry] === undefined ? reference.registry : new URL(url).host;
    this.#url = `${url}/v2/${reference.repository}`;
  }

  /** A manifest by tag or digest, its bytes verified where a digest names them. */
  async manifest(name: string): Promise<{ readonly text: string; readonly digest: string }> {
    const what = `${this.#reference.registry}/${this.#reference.repository}${name.includes(':') ? '@' : ':'}${name}`;
    const response = await this.#get(
      `${this.#url}/manifests/${name}`,
      { accept: manifestTypes.join(', ') },
      what,
      this.#options.signal,
    );
    const bytes = await this.#all(response, what, manifestBytes);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const expected = name.startsWith('sha256:') ? name : response.headers.get('docker-content-digest');
    if (expected !== null && expected.startsWith('sha256:') && expected !== digest) {
      throw new BaseError({ kind: 'corrupt', what, expected, actual: digest });
    }
    return { text: Buffer.from(bytes).toString('utf8'), digest };
  }

  /** The bytes of a blob from an offset on; `start` says where they really begin (0 where the server cannot resume). */
  async blob(
    digest: string,
    from: number,
    signal: AbortSignal,
  ): Promise<{ readonly start: number; readonly bytes: AsyncIterable<Uint8Array> }> {
    const what = `blob ${digest} of ${printReference(this.#reference)}`;
    const range: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {};
    const response = await this.#get(`${this.#url}/blobs/${digest}`, range, what, signal);
    return { start: response.status === 206 ? from : 0, bytes: chunksOf(response, what, signal) };
  }

  async #all(response: Response, what: string, limit: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of chunksOf(response, what, this.#options.signal)) {
      length += chunk.byteLength;
      if (length > limit) throw new BaseError({ kind: 'malformed', what, why: `it is longer than ${limit} bytes` });
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  async #get(
    url: string,
    headers: Readonly<Record<string, string>>,
    what: string,
    signal: AbortSignal,
  ): Promise<Response> {
    let asked = false;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await request(url, { ...headers, ...this.#login() }, signal);
      if (answer.response?.ok) return answer.response;
      const status = answer.response?.status ?? null;
      const challenge = answer.response?.headers.get('www-authenticate') ?? null;
      await answer.response?.body?.cancel().catch(() => {});
      if (status === 401 && challenge !== null && !asked) {
        asked = true;
        this.#authorization = await this.#answer(challenge);
        if (this.#authorization !== null) continue;
      }
      if (status === 401 || status === 403)
        throw new BaseError({ kind: 'denied', what, registry: this.#reference.registry });
      if (status === 404) throw new BaseError({ kind: 'absent', what });
      const passing = status === null || status === 408 || status === 429 || status >= 500;
      if (!passing || attempt === attempts) {
        throw new BaseError({ kind: 'unreachable', what, why: answer.why ?? `the registry answered ${status}` });
      }
      await pause(attempt, answer.response?.headers.get('retry-after') ?? null, signal);
    }
  }

  #login(): Record<string, string> {
    return this.#authorization === null ? {} : { authorization: this.#authorization };
  }

  async #answer(header: string): Promise<string | null> {
    const challenge = parseChallenge(header);
    if (challenge === null) return null;
    const credentials = await this.#options.credentials(this.#server);
    const basic =
      credentials === null
        ? null
        : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`, 'utf8').toString('base64')}`;
    return challenge.scheme === 'basic' ? basic : this.#token(challenge, basic);
  }

  async #token(challenge: Extract<Challenge, { readonly scheme: 'bearer' }>, basic: string | null): Promise<string> {
    const what = `the token service of ${this.#reference.registry}`;
    const url = URL.canParse(challenge.realm) ? new URL(challenge.realm) : null;
    if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.host)))) {
      throw new BaseError({
        kind: 'malformed',
        what,
        why: `its address ${JSON.stringify(challenge.realm)} is not https`,
      });
    }
    if (challenge.service !== null) url.searchParams.set('service', challenge.service);
    url.searchParams.set('scope', challenge.scope ?? `repository:${this.#reference.repository}:pull`);
    for (let attempt = 1; ; attempt += 1) {
      const answer = await request(url.href, basic === null ? {} : { authorization: basic }, this.#options.signal);
      if (answer.response?.ok) {
        const text = Buffer.from(await this.#all(answer.response, what, manifestBytes)).toString('utf8');
        const token = readToken(text);
        if (token === null) throw new BaseError({ kind: 'malformed', what, why: 'its answer has no token' });
        return `Bearer ${token}`;
      }
      const status = answer.response?.status ?? null;
      const after = answer.response?.headers.get('retry-after') ?? null;
      await answer.response?.body?.cancel().catch(() => {});
      if (status === 401 || status === 403) {
        throw new BaseError({
          kind: 'denied',
          what: printReference(this.#reference),
          registry: this.#reference.registry,
        });
      }
      if ((status !== null && status < 500 && status !== 429) || attempt === attempts) {
        throw new BaseError({ kind: 'unreachable', what, why: answer.why ?? `it answered ${status}` });
      }
      await pause(attempt, after, this.#options.signal);
    }
  }
}

/** Whether a failure may pass when the request is made again. */
export function mayPass(failure: BaseError['failure']): boolean {
  return failure.kind === 'unreachable';
}

/** Waits before the next attempt: what the server asks for, at most half a minute, else half a second doubled each time. */
export async function pause(attempt: number, retryAfter: string | null, signal: AbortSignal): Promise<void> {
  const seconds = retryAfter === null ? Number.NaN : Number(retryAfter);
  const waitMs = Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, 30_000) : 500 * 2 ** (attempt - 1);
  await sleep(waitMs, null, { signal }).catch(() => {
    throw new BaseError({ kind: 'cancelled' });
  });
}

async function request(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly response: Response | null; readonly why: string | null }> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const response = await fetch(url, {
      headers,
      signal: AbortSignal.any([signal, silence.signal]),
      redirect: 'follow',
    });
    return { response, why: null };
  } catch (error) {
    if (signal.aborted) throw new BaseError({ kind: 'cancelled' });
    if (silence.signal.aborted) return { response: null, why: `no answer within ${silenceMs / 1000} s` };
    return { response: null, why: reasonOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

async function* chunksOf(response: Response, what: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let timer: NodeJS.Timeout | null = null;
  try {
    for (;;) {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
      });
      const { done, value } = await Promise.race([reader.read(), late]);
      if (timer) clearTimeout(timer);
      if (done) return;
      yield value as Uint8Array;
    }
  } catch (error) {
    if (signal.aborted) throw new BaseError({ kind: 'cancelled' });
    throw new BaseError({ kind: 'unreachable', what, why: `the connection broke: ${reasonOf(error)}` });
  } finally {
    if (timer) clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause;
  return cause instanceof Error && cause.message !== '' ? cause.message : error.message;
}

function readToken(text: string): string | null {
  try {
    const { token, access_token: accessToken } = JSON.parse(text) as Record<string, unknown>;
    const found = token ?? accessToken;
    return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : null;
  } catch {
    return null;
  }
}
