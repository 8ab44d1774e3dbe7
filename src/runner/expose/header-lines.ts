/** A header as it stood on the wire: name and value by turns (`rawHeaders`), so that nothing doubled is lost. */
export type RawHeaders = readonly string[];

/** Headers that concern one connection only (RFC 9110, 7.6.1), and the older ones that are treated so. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What only the nearest proxy may say. */
const forwarded = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);

function* pairs(raw: RawHeaders): Generator<readonly [string, string]> {
  for (let index = 0; index + 1 < raw.length; index += 2) yield [raw[index] ?? '', raw[index + 1] ?? ''];
}

/** All values of a header, in order. */
export function valuesOf(raw: RawHeaders, name: string): readonly string[] {
  return [...pairs(raw)].filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

/** The headers that go on to the other side: without those of this hop, and those that `Connection` names. */
export function endToEnd(raw: RawHeaders): string[] {
  const named = new Set(
    valuesOf(raw, 'connection')
      .flatMap((value) => value.split(','))
      .map((name) => name.trim().toLowerCase()),
  );
  const kept: string[] = [];
  for (const [key, value] of pairs(raw)) {
    const name = key.toLowerCase();
    // A length is never dropped on a client's word: it says where the message ends.
    if (hopByHop.has(name) || (named.has(name) && name !== 'content-length' && name !== 'host')) continue;
    kept.push(key, value);
  }
  return kept;
}

/** A request's headers for the machine: end to end, with `X-Forwarded-*` as this proxy sees it and nobody else's. */
export function requestHeaders(
  raw: RawHeaders,
  client: { readonly address: string; readonly host: string; readonly port: number },
): string[] {
  const kept: string[] = [];
  for (const [key, value] of pairs(endToEnd(raw))) if (!forwarded.has(key.toLowerCase())) kept.push(key, value);
  kept.push('X-Forwarded-For', client.address, 'X-Forwarded-Host', client.host);
  kept.push('X-Forwarded-Port', String(client.port), 'X-Forwarded-Proto', 'http');
  return kept;
}

/** How the body of a request ends, by its headers; a sentence where they leave it open to readings. */
export function framingOf(raw: RawHeaders): 'none' | 'length' | 'chunked' | { readonly fault: string } {
  const coding = valuesOf(raw, 'transfer-encoding');
  const length = valuesOf(raw, 'content-length');
  if (coding.length > 0 && length.length > 0) return { fault: 'both Content-Length and Transfer-Encoding' };
  if (coding.length > 0) {
    return coding.length === 1 && coding[0]?.trim().toLowerCase() === 'chunked'
      ? 'chunked'
      : { fault: 'an unknown Transfer-Encoding' };
  }
  if (length.length > 1 || (length[0] !== undefined && !/^[0-9]+$/.test(length[0])))
    return { fault: 'an unclear Content-Length' };
  return length.length === 1 ? 'length' : 'none';
}

/** The host name that a request is for, lower case, if its `Host` is one and names this port; null otherwise. */
export function requestedHost(raw: RawHeaders, port: number): string | null {
  const values = valuesOf(raw, 'host');
  const match = values.length === 1 ? /^([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?$/.exec(values[0] ?? '') : null;
  if (match?.[1] === undefined) return null;
  return (match[2] === undefined ? 80 : Number(match[2])) === port ? match[1].toLowerCase() : null;
}
