/** An image's name, taken apart. */
export interface ImageReference {
  /** Host and port as messages and configurations name it; `docker.io` where none is given. */
  readonly registry: string;
  /** The repository within it, with `library/` where Docker Hub means it. */
  readonly repository: string;
  readonly tag: string | null;
  /** `sha256:…`; wins over the tag. */
  readonly digest: string | null;
}

const repositoryPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const registryPattern = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?$/;

/** Whether a text is a digest that we can verify. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Reads an image's name as Docker does (`ubuntu:22.04`, `ghcr.io/a/b@sha256:…`, `localhost:5000/x`); null where it is none. */
export function parseReference(text: string): ImageReference | null {
  const [named, digest, ...more] = text.split('@');
  if (named === undefined || more.length > 0) return null;
  if (digest !== undefined && !isDigest(digest)) return null;
  const slash = named.indexOf('/');
  const first = slash < 0 ? '' : named.slice(0, slash);
  const hasRegistry = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  const registry = hasRegistry ? normalRegistry(first) : 'docker.io';
  const rest = hasRegistry ? named.slice(slash + 1) : named;
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? null : rest.slice(colon + 1);
  if (!registryPattern.test(registry) || !repositoryPattern.test(path) || (tag !== null && !tagPattern.test(tag)))
    return null;
  return {
    registry,
    repository: registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path,
    tag: tag ?? (digest === undefined ? 'latest' : null),
    digest: digest ?? null,
  };
}

function normalRegistry(name: string): string {
  return name === 'index.docker.io' || name === 'registry-1.docker.io' ? 'docker.io' : name;
}

/** The reference as one word, complete. */
export function printReference(reference: ImageReference): string {
  const tag = reference.tag === null ? '' : `:${reference.tag}`;
  const digest = reference.digest === null ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/** Where requests for a registry go, without a slash at the end: its mirror, else itself; plain http on loopback only. */
export function registryUrl(registry: string, mirrors: Readonly<Record<string, string>>): string {
  const mirror = mirrors[registry];
  if (mirror !== undefined)
    return (mirror.includes('://') ? mirror : `${schemeOf(mirror)}://${mirror}`).replace(/\/+$/, '');
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  return `${schemeOf(host)}://${host}`;
}

function schemeOf(host: string): 'http' | 'https' {
  return isLoopback(host) ? 'http' : 'https';
}

/** Whether `host[:port]` is this very machine, by name. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').replace(/\/.*$/, '');
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(name)
  );
}

/**
 * Reads mirrors as a person gives them: `https://mirror.example` stands in for Docker Hub, `ghcr.io=https://mirror.example` for another
 * registry; several with commas.
 */
export function parseMirrors(text: string): Readonly<Record<string, string>> {
  const mirrors: Record<string, string> = {};
  for (const word of text.split(',').map((one) => one.trim())) {
    if (word === '') continue;
    const equals = /^([^=/]+)=(.+)$/.exec(word);
    if (equals?.[1] !== undefined && equals[2] !== undefined) mirrors[normalRegistry(equals[1])] = equals[2];
    else mirrors['docker.io'] = word;
  }
  return mirrors;
}
