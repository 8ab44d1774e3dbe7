import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { clearStaging, prepareBase } from '../runner/bases/prepare.ts';
import { describeBaseFailure } from '../runner/bases/failure.ts';
import type { BaseHost, BaseProgress } from '../runner/bases/host.ts';
import { readResolution, recordKey } from '../runner/bases/records.ts';
import type { Bases } from '../runner/ports.ts';

/** Base machines as the runner asks for them. */
export function runBases(host: BaseHost): Bases {
  let cleared: Promise<void> | null = null;
  return {
    async digest(machine) {
      const record = await readResolution(host.directory, recordKey(machine.name, machine.source, host.architecture));
      if (record === null) return null;
      const described = join(host.directory, record.digest.slice('sha256:'.length), 'base.json');
      return existsSync(described) ? record.digest : null;
    },
    async provide(machine, { progress, signal }) {
      await (cleared ??= clearStaging(host));
      let shown = '';
      const prepared = await prepareBase({
        name: machine.name,
        source: machine.source,
        refresh: { kind: 'never' },
        host,
        progress: (event) => {
          const line = progressLine(event);
          if (line !== null && line !== shown) progress(line);
          shown = line ?? shown;
        },
        signal,
      });
      return prepared.kind === 'ready' ? prepared.base : { failure: describeBaseFailure(prepared.failure) };
    },
  };
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
