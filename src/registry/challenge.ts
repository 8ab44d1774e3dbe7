/** What a registry asks for in `WWW-Authenticate`. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service: string | null;
      readonly scope: string | null;
    };

/** Reads the first challenge that we can answer (RFC 9110, 11.6.1; Docker's token authentication); null where there is none. */
export function parseChallenge(header: string): Challenge | null {
  const bearer = /(?:^|,)\s*bearer\s+(.*)$/is.exec(header);
  if (bearer?.[1] !== undefined) {
    const values = parameters(bearer[1]);
    const realm = values.get('realm');
    if (realm !== undefined) {
      return { scheme: 'bearer', realm, service: values.get('service') ?? null, scope: values.get('scope') ?? null };
    }
  }
  return /(?:^|,)\s*basic(?:\s|$)/i.test(header) ? { scheme: 'basic' } : null;
}

function parameters(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const match of text.matchAll(/\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/g)) {
    const name = match[1]?.toLowerCase() ?? '';
    if (!values.has(name)) values.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '');
  }
  return values;
}
