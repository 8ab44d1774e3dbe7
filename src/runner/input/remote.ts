/** A text without the user and password of any URL in it. `git@host:path` keeps its user: it is no secret. */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s'"@]*@/gi, '$1');
}

export interface RemoteName {
  /** Lower case, with a port that is not the scheme's own. */
  readonly host: string;
  /** Without slashes at its ends and without `.git`. */
  readonly path: string;
}

const ownPorts: Readonly<Record<string, string>> = { https: '443', http: '80', ssh: '22', git: '9418' };

/** Host and path of a URL that git takes (`https://…`, `ssh://…`, `git@host:path`); null for files and what is no URL. */
export function parseRemote(url: string): RemoteName | null {
  const long = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:]*)(?::(\d*))?(?:\/(.*))?$/is.exec(url);
  if (long !== null) {
    const [, scheme = '', host = '', port = '', path = ''] = long;
    const known = scheme.toLowerCase().replace(/^git\+/, '');
    if (known === 'file' || host === '') return null;
    const suffix = port === '' || ownPorts[known] === port ? '' : `:${port}`;
    return { host: host.toLowerCase() + suffix, path: trimPath(path) };
  }
  // git takes a colon before the first slash as the short form of ssh.
  const short = /^(?:[^/@:]+@)?(\[[^\]]*\]|[^/:@]+):(.+)$/s.exec(url);
  if (short === null) return null;
  const [, host = '', path = ''] = short;
  return { host: host.toLowerCase(), path: trimPath(path) };
}

function trimPath(path: string): string {
  return path
    .replace(/[?#].*$/s, '')
    .replace(/\/{2,}/g, '/')
    .replace(/^\//, '')
    .replace(/\/$/, '')
    .replace(/\.git$/, '');
}

/** The same repository under each of its URLs: `github.com/owner/name`. What is no URL stays as it is. */
export function normaliseRemote(url: string): string {
  const remote = parseRemote(url);
  return remote === null ? withoutCredentials(url) : `${remote.host}/${remote.path}`;
}

/** `https://host/owner/name.git`, without credentials; of files and what is no URL, the text itself. */
export function httpsRemote(url: string): string {
  const remote = parseRemote(url);
  return remote === null ? withoutCredentials(url) : `https://${remote.host}/${remote.path}.git`;
}
