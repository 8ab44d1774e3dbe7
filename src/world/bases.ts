import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BaseHost, BaseProgress } from '../runner/bases/host.ts';
import type { Refresh } from '../runner/bases/prepare.ts';
import { readResolution, recordKey, sharedKey, writeResolution, type Resolution } from '../runner/bases/records.ts';
import type { Chain } from '../runner/chain.ts';
import type { Bases } from '../runner/ports.ts';
import type { SharedBase, SharedBases } from '../runner/stores/shared.ts';

/** Base machines as the runner asks for them: this machine's, what a remote store carries, or made anew. */
export function runBases(host: BaseHost, shared: SharedBases | null = null): Bases {
  let cleared: Promise<void> | null = null;
  const keyOf = (machine: Chain['machine']): string => recordKey(machine.name, machine.source, host);
  const shareKeyOf = ({ name, source }: Chain['machine']): string => sharedKey(name, source, host.architecture);
  const homeOf = (digest: string): string => join(host.directory, digest.slice('sha256:'.length));
  const own = async (key: string): Promise<string | null> => {
    const record = await readResolution(host.directory, key);
    return record !== null && existsSync(join(homeOf(record.digest), 'base.json')) ? record.digest : null;
  };
  const offered = (key: string): { readonly base: SharedBase; readonly record: Resolution } | null => {
    const base = shared?.base(key) ?? null;
    const record = base?.record as Resolution | undefined;
    return base !== null && record && /^sha256:[0-9a-f]{64}$/.test(record.digest) ? { base, record } : null;
  };
  return {
    async digest(machine) {
      const key = keyOf(machine);
      return (await own(key)) ?? offered(shareKeyOf(machine))?.record.digest ?? null;
    },
    async provide(machine, { progress, signal }) {
      const key = keyOf(machine);
      const there = (await own(key)) === null ? offered(shareKeyOf(machine)) : null;
      if (shared !== null && there !== null) {
        const home = homeOf(there.record.digest);
        progress('fetching it from the shared store');
        const why = existsSync(join(home, 'base.json')) ? null : await shared.fetch(there.base, home, signal);
        if (why === null) await writeResolution(host.directory, key, there.record);
        else progress(`it could not be fetched, and is made: ${why}`);
      }
      const made = await prepare(machine, { progress, signal });
      const record = shared === null || 'failure' in made ? null : await readResolution(host.directory, key);
      if (record !== null) shared?.offer(shareKeyOf(machine), { record, directory: homeOf(record.digest) });
      return made;
    },
  };

  async function prepare(
    machine: Chain['machine'],
    options: Parameters<Bases['provide']>[1],
  ): ReturnType<Bases['provide']> {
    const { clearStaging } = await import('../runner/bases/prepare.ts');
    await (cleared ??= clearStaging(host));
    return prepared(machine, { host, refresh: { kind: 'never' }, ...options });
  }
}

/** Looks up again what a base machine's name means, and makes that. `before`: the digest that it had in this store; null where it had none. */
export async function pullBase(
  machine: Chain['machine'],
  options: Preparation,
): Promise<{ readonly before: string | null; readonly digest: string } | { readonly failure: string }> {
  const { host } = options;
  const key = recordKey(machine.name, machine.source, host);
  const before = (await readResolution(host.directory, key))?.digest ?? null;
  const made = await prepared(machine, options);
  return 'failure' in made ? made : { before, digest: made.digest };
}

/** How a base machine is prepared, and who is told. */
interface Preparation {
  readonly host: BaseHost;
  readonly refresh: Refresh;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

async function prepared(
  { name, source }: Chain['machine'],
  { progress, ...options }: Preparation,
): ReturnType<Bases['provide']> {
  // What makes machines is big, and most runs have theirs already.
  const { prepareBase } = await import('../runner/bases/prepare.ts');
  const { describeBaseFailure } = await import('../runner/bases/failure.ts');
  let shown = '';
  const result = await prepareBase({
    ...{ ...options, name, source },
    progress: (event) => {
      const line = progressLine(event);
      if (line !== null && line !== shown) progress(line);
      shown = line ?? shown;
    },
  });
  return result.kind === 'ready' ? result.base : { failure: describeBaseFailure(result.failure) };
}

/** What mmdebstrap and apt say when they begin something that takes long, and how a person calls it; the rest of their talk tells nobody anything. */
const phases: readonly (readonly [chatter: RegExp, phase: string])[] = [
  [/^running apt-get update/, 'reading the list of packages'],
  [/^downloading packages with apt/, 'downloading packages'],
  [/^extracting archives/, 'unpacking packages'],
  [/^installing (essential|remaining) packages/, 'installing packages'],
  [/^creating tarball/, 'packing'],
  [/^(Reading package lists|Hit:|Get:)/, 'reading the list of packages'],
  [/^Setting up /, 'installing packages'],
  [/^apt-get install /, 'installing mmdebstrap on this host'],
];

const megabyte = 1024 * 1024;

function progressLine(event: BaseProgress): string | null {
  switch (event.kind) {
    case 'waiting':
      return 'another run is making it: waiting';
    case 'resolving':
      return `looking it up: ${event.provider}`;
    case 'downloading':
      return `downloading: ${tenth(event.bytes, event.totalBytes)} of ${Math.ceil(event.totalBytes / megabyte)} MB`;
    case 'building':
    case 'installing':
      return phases.find(([chatter]) => chatter.test(event.line))?.[1] ?? null;
    case 'unpacking':
      return 'unpacking';
    case 'falling-back':
      return `${event.provider}: ${event.why}`;
    case 'ready':
      return `ready: ${Math.ceil(event.bytes / megabyte)} MB in ${Math.round(event.durationMs / 1000)}s`;
  }
}

/** Progress in steps of ten percent, so that it makes few lines. */
function tenth(bytes: number, totalBytes: number): string {
  return totalBytes === 0 ? '0%' : `${Math.floor((bytes / totalBytes) * 10) * 10}%`;
}
