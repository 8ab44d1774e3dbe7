import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf, RegistryClient, RegistryError } from '../../registry/client.ts';
import { dockerConfig, readLogin } from '../../registry/login.ts';
import { parseReference } from '../../registry/reference.ts';
import type { Host, Probe } from '../../runner/drivers/sandbox/probe.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a runner of one's own needs beside what machines need: where its results go, and that others can tell whose they are. */
export async function probeRunner(
  environment: Environment,
  { host, signal }: { readonly host: Host; readonly signal: AbortSignal },
): Promise<readonly Probe[]> {
  const remote = environment['LAYER_REMOTE'] ?? '';
  const isRegistry = remote.startsWith('oci://');
  return [
    probeDirectory(environment),
    ...(isRegistry
      ? [await probeRegistry(remote.slice('oci://'.length), { environment, signal })]
      : [probeRemote(remote)]),
    ...(isRegistry ? [probeKey(environment)] : [probeCacheArchives(host)]),
  ];
}

function probeDirectory({ LAYER_STORE: directory }: Environment): Probe {
  return {
    what: 'LAYER_STORE',
    ok: Boolean(directory),
    required: false,
    detail: directory || "not set: results lie in the home directory, which in a pod is the container's own overlay",
    remedy: directory ? null : 'env: LAYER_STORE, on a volume',
  };
}

function probeRemote(remote: string): Probe {
  const probe = { what: 'LAYER_REMOTE', required: false } as const;
  if (remote === 'none' || remote === 'cache') return { ...probe, ok: true, detail: remote, remedy: null };
  return {
    ...probe,
    ok: remote === '',
    required: remote !== '',
    detail:
      remote === '' ? 'not set: workflows share results by the Actions cache' : `${JSON.stringify(remote)} is no store`,
    remedy: remote === '' ? null : 'env: LAYER_REMOTE=oci://registry/repository',
  };
}

/** The Actions cache is spoken with by GitHub's library, which packs by these. */
function probeCacheArchives(host: Host): Probe {
  const missing = ['tar', 'zstd'].filter((program) => !host.has(program));
  return {
    what: 'cache archives',
    ok: missing.length === 0,
    required: missing.includes('tar'),
    detail: missing.length === 0 ? 'tar, zstd' : `${missing.join(', ')} not found`,
    remedy: missing.length === 0 ? null : `apt install ${missing.join(' ')}`,
  };
}

function probeKey({ LAYER_STORE_KEY: key }: Environment): Probe {
  return {
    what: 'LAYER_STORE_KEY',
    ok: Boolean(key),
    required: false,
    detail: key ? 'set' : 'not set: whoever may push to the registry decides what is skipped',
    remedy: key ? null : 'env: LAYER_STORE_KEY, a secret that all runners of the fleet have',
  };
}

/** Reads from the registry, and writes two bytes. */
async function probeRegistry(
  name: string,
  { environment, signal }: { readonly environment: Environment; readonly signal: AbortSignal },
): Promise<Probe> {
  const probe = { what: 'registry', required: true, remedy: null } as const;
  const reference = parseReference(name);
  if (reference === null || reference.digest !== null) {
    return {
      ...probe,
      ok: false,
      detail: `${name} names no repository`,
      remedy: 'env: LAYER_REMOTE=oci://registry/repository',
    };
  }
  const config = dockerConfig(environment);
  const client = new RegistryClient({
    registry: reference.registry,
    credentials: (registry) => readLogin(registry, config),
  });
  const repository = `${reference.repository}/doctor`;
  const bytes = Buffer.from('{}');
  const digest = digestOf(bytes);
  const scratch = mkdtempSync(join(tmpdir(), 'layer-doctor-'));
  try {
    await client.manifest(repository, 'results', 'application/vnd.oci.image.manifest.v1+json', signal);
    const path = join(scratch, 'blob');
    writeFileSync(path, bytes);
    await client.pushBlob(repository, { digest, path }, signal);
    return { ...probe, ok: true, detail: `${name} can be read and written` };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const refused = error.status === 401 || error.status === 403;
    const remedy = refused ? `docker login ${reference.registry}` : 'start it, or let this runner reach it';
    return { ...probe, ok: false, detail: error.message, remedy };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
