import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { configureAws, type Identity } from './aws.ts';
import type { JobMachine } from './machine.ts';

/** What the actions that emitted workflows use find outside of their job. */
export interface ActionWorld {
  /** A git repository: what is committed there is what a checkout gets. */
  readonly repository: string;
  /** Where caches and artifacts are kept: of several runs, of one. */
  readonly caches: string;
  readonly artifacts: string;
  /** Where a job's identity can be had and used; null where nobody gives it any. */
  readonly identity: Identity | null;
}

export interface ActionCall {
  readonly name: string;
  readonly with: Readonly<Record<string, string>>;
  readonly machine: JobMachine;
  readonly world: ActionWorld;
  /** The scopes of the job's token. */
  readonly permissions: Readonly<Record<string, string>>;
}

/** What an action leaves: outputs, variables for the steps behind it, and texts that the log must not show. */
export interface ActionEnd {
  readonly outputs: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly masks?: readonly string[];
}

/** Does what an action does, for those that workflows are compiled to. Throws where it fails. */
export async function runAction(call: ActionCall): Promise<ActionEnd> {
  if (call.name === 'aws-actions/configure-aws-credentials') return configureAws(call);
  return { outputs: await outputsOf(call) };
}

async function outputsOf(call: ActionCall): Promise<Readonly<Record<string, string>>> {
  switch (call.name) {
    case 'actions/checkout':
      return checkout(call);
    case 'actions/cache/restore':
      return restore(call);
    case 'actions/cache/save':
      return save(call);
    case 'actions/upload-artifact':
      return upload(call);
    case 'actions/download-artifact':
      return download(call);
    default:
      throw new Error(`the executor does not know the action ${call.name}`);
  }
}

async function checkout({ machine, world, with: given }: ActionCall): Promise<Record<string, string>> {
  if (given['persist-credentials'] !== 'false') throw new Error('a checkout keeps its credentials');
  const path = inWorkspace(machine, given['path'] ?? '.');
  // git asks for the real path of where it works, which is none of the host's in a machine.
  const clone = mkdtempSync(join(tmpdir(), 'layer-test-clone-'));
  try {
    const quiet = { stdio: 'pipe' } as const;
    execFileSync('git', ['clone', '-q', '--no-local', `file://${world.repository}`, clone], quiet);
    const ref = given['ref'] ?? 'HEAD';
    execFileSync('git', ['-C', clone, '-c', 'advice.detachedHead=false', 'checkout', '-q', ref], quiet);
    machine.directory(path);
    execFileSync('cp', ['-a', `${clone}/.`, machine.host(path)]);
  } finally {
    rmSync(clone, { recursive: true, force: true });
  }
  await machine.own(path);
  return {};
}

async function restore({ machine, world, with: given }: ActionCall): Promise<Record<string, string>> {
  const key = given['key'] ?? '';
  checkKey(key);
  const prefixes = [key, ...(given['restore-keys'] ?? '').split('\n').filter((one) => one !== '')];
  const saved = savedKeys(world.caches);
  const hit =
    saved.find((one) => one === key) ??
    prefixes.flatMap((prefix) => saved.filter((one) => one.startsWith(prefix)).slice(0, 1))[0];
  if (hit === undefined) return { 'cache-primary-key': key };
  execFileSync('tar', ['-xf', cacheFile(world.caches, hit), '-C', machine.host(machine.workspace)]);
  await machine.own(inWorkspace(machine, given['path'] ?? ''));
  return { 'cache-primary-key': key, 'cache-matched-key': hit, 'cache-hit': String(hit === key) };
}

async function save({ machine, world, with: given }: ActionCall): Promise<Record<string, string>> {
  const key = given['key'] ?? '';
  checkKey(key);
  if (existsSync(cacheFile(world.caches, key))) return {};
  execFileSync('tar', [
    '-cf',
    cacheFile(world.caches, key),
    '-C',
    machine.host(machine.workspace),
    given['path'] ?? '',
  ]);
  return {};
}

function checkKey(key: string): void {
  if (key.length > 512 || key.includes(',')) throw new Error(`GitHub takes no cache key like ${key}`);
}

function cacheFile(directory: string, key: string): string {
  return join(directory, `${encodeURIComponent(key)}.tar`);
}

/** Newest first. */
function savedKeys(directory: string): readonly string[] {
  const files = readdirSync(directory).map((name) => ({ name, ms: statSync(join(directory, name)).mtimeMs }));
  return files.sort((a, b) => b.ms - a.ms).map(({ name }) => decodeURIComponent(name.slice(0, -'.tar'.length)));
}

async function upload({ machine, world, with: given }: ActionCall): Promise<Record<string, string>> {
  const path = inWorkspace(machine, given['path'] ?? '');
  if (!statSync(machine.host(path)).isFile()) throw new Error('only a single file is handed over');
  const directory = join(world.artifacts, given['name'] ?? '');
  if (existsSync(directory)) throw new Error(`an artifact ${given['name']} is there already`);
  mkdirSync(directory);
  copyFileSync(machine.host(path), join(directory, basename(path)));
  return {};
}

async function download({ machine, world, with: given }: ActionCall): Promise<Record<string, string>> {
  const directory = join(world.artifacts, given['name'] ?? '');
  if (!existsSync(directory)) throw new Error(`there is no artifact ${given['name']}`);
  const path = inWorkspace(machine, given['path'] ?? '.');
  machine.directory(path);
  for (const name of readdirSync(directory)) copyFileSync(join(directory, name), machine.host(join(path, name)));
  await machine.own(path);
  return {};
}

/** A container's paths differ from the host's, so only relative ones mean the same to an action as to a step. */
function inWorkspace(machine: JobMachine, path: string): string {
  if (path.startsWith('/')) throw new Error(`${path} is not relative to the workspace`);
  return join(machine.workspace, path);
}
