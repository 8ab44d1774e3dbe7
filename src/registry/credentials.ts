/** A login at a registry. Never printed, never kept. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Where the credentials of a registry are, as Docker's `config.json` says. */
export type CredentialSource =
  | { readonly kind: 'inline'; readonly credentials: Credentials }
  /** `docker-credential-<program> get`, with `server` on its standard input. */
  | { readonly kind: 'program'; readonly program: string; readonly server: string }
  | { readonly kind: 'none' };

/** The name under which Docker keeps Docker Hub's login. */
const hubServer = 'https://index.docker.io/v1/';

/** Looks a registry up in the text of a `config.json`. A file that is no such thing has no credentials. */
export function findCredentials(text: string, registry: string): CredentialSource {
  const config = parseObject(text);
  const names =
    registry === 'docker.io' ? [hubServer, 'docker.io', 'index.docker.io', 'registry-1.docker.io'] : [registry];
  const server = registry === 'docker.io' ? hubServer : registry;
  const helper = objectAt(config, 'credHelpers')[registry];
  if (typeof helper === 'string') return programSource(helper, server);
  for (const [key, value] of Object.entries(objectAt(config, 'auths'))) {
    if (!names.includes(key) && !names.includes(key.replace(/^https?:\/\//, '').replace(/\/.*$/, ''))) continue;
    const auth = typeof value === 'object' && value !== null && 'auth' in value ? value.auth : null;
    if (typeof auth !== 'string' || auth === '') continue;
    const pair = Buffer.from(auth, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    if (colon > 0)
      return {
        kind: 'inline',
        credentials: { user: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, '') },
      };
  }
  const store = config['credsStore'];
  return typeof store === 'string' ? programSource(store, server) : { kind: 'none' };
}

function programSource(name: string, server: string): CredentialSource {
  return /^[A-Za-z0-9._-]+$/.test(name)
    ? { kind: 'program', program: `docker-credential-${name}`, server }
    : { kind: 'none' };
}

/** What a credential program printed; null where it has none. */
export function parseProgramAnswer(text: string): Credentials | null {
  const answer = parseObject(text);
  const user = answer['Username'];
  const password = answer['Secret'];
  return typeof user === 'string' && typeof password === 'string' ? { user, password } : null;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function objectAt(value: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const found = value[key];
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : {};
}
