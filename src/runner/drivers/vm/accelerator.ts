import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MachineLost } from '../../driver.ts';
import { GuestAgent } from './agent.ts';
import type { Accelerator, Board } from './arguments.ts';
import { processorModel, qemuVersion } from './identity.ts';
import type { BootFiles } from './launch.ts';
import { defaultProgram } from './start.ts';
import { measureTscRate } from './tsc-rate.ts';
import type { Acceleration } from './virtual-machine.ts';
import { VirtualMachine } from './virtual-machine.ts';

/** What this host can run guests with, found by running one. */
export interface AcceleratorProbe {
  /** The first that worked; null where none did. */
  readonly acceleration: Acceleration | null;
  /** What did not work, in the order in which it was tried, and why. */
  readonly failures: readonly { readonly accelerator: Accelerator; readonly board: Board; readonly why: string }[];
}

/** The best first; how long a guest may take to its first word. */
const candidates: readonly { readonly kind: Accelerator; readonly board: Board; readonly limitMs: number }[] = [
  { kind: 'kvm', board: 'microvm', limitMs: 20_000 },
  { kind: 'kvm', board: 'q35', limitMs: 20_000 },
  { kind: 'tcg', board: 'microvm', limitMs: 180_000 },
  { kind: 'tcg', board: 'q35', limitMs: 180_000 },
];

const probeMemoryBytes = 256 * 2 ** 20;

/**
 * Boots a guest with each of what this host may have until one's agent answers. Remembered in `directory` for this boot of the host, this
 * QEMU and this kernel. Rejects where aborted; a host without QEMU has failures only.
 */
export async function probeAccelerator(options: {
  readonly files: BootFiles;
  /** Exists; on a file system with room for a small disk image. */
  readonly directory: string;
  readonly program?: string;
  readonly signal: AbortSignal;
}): Promise<AcceleratorProbe> {
  const { directory, signal, files, program = defaultProgram } = options;
  const version = await qemuVersion(program).catch(() => null);
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const facts = JSON.stringify([version, files.kernel.digest, processorModel(), bootId]);
  const path = join(directory, `accelerator-${createHash('sha256').update(facts).digest('hex').slice(0, 16)}.json`);
  const known = await readFile(path, 'utf8').catch(() => null);
  const remembered = known === null ? null : parseProbe(known);
  if (remembered) return remembered;
  const probe = await tryCandidates({ files, program, directory, signal });
  if (version !== null) {
    await writeFile(`${path}.${process.pid}`, JSON.stringify(probe));
    await rename(`${path}.${process.pid}`, path);
  }
  return probe;
}

async function tryCandidates(options: {
  readonly files: BootFiles;
  readonly program: string;
  readonly directory: string;
  readonly signal: AbortSignal;
}): Promise<AcceleratorProbe> {
  const failures: AcceleratorProbe['failures'][number][] = [];
  let tscKhz: number | null = null;
  for (const { kind, board, limitMs } of candidates) {
    const scratch = await mkdtemp(join(options.directory, '.probe-'));
    try {
      if (kind === 'kvm') closeSync(openSync('/dev/kvm', 'r+'));
      else tscKhz ??= await measureTscRate({ ...options, directory: scratch });
      const acceleration = { kind, board, tscKhz };
      await hearGuest({ ...options, acceleration, limitMs, scratch });
      return { acceleration, failures };
    } catch (error) {
      options.signal.throwIfAborted();
      failures.push({ accelerator: kind, board, why: error instanceof Error ? error.message : String(error) });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }
  return { acceleration: null, failures };
}

async function hearGuest(options: {
  readonly files: BootFiles;
  readonly program: string;
  readonly acceleration: Acceleration;
  readonly limitMs: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { files, program, acceleration, limitMs, scratch, signal } = options;
  const directory = join(scratch, 'machine');
  await mkdir(directory);
  const limit = AbortSignal.timeout(limitMs);
  await using machine = await VirtualMachine.boot({
    ...files,
    ...{ directory, acceleration, program },
    memoryBytes: probeMemoryBytes,
    network: 'none',
    signal: AbortSignal.any([signal, limit]),
  });
  machine.fuseStream.resume();
  try {
    await GuestAgent.connect(machine.agentStream, { state: null, signal: limit });
  } catch (error) {
    if (limit.aborted) throw new MachineLost(`a guest did not come up in ${limitMs / 1000} s`);
    throw error;
  }
}

function parseProbe(text: string): AcceleratorProbe | null {
  try {
    const value: unknown = JSON.parse(text);
    return isProbe(value) ? value : null;
  } catch {
    return null;
  }
}

function isProbe(value: unknown): value is AcceleratorProbe {
  if (typeof value !== 'object' || value === null || !('acceleration' in value) || !('failures' in value)) return false;
  const { acceleration, failures } = value;
  if (!Array.isArray(failures)) return false;
  return (
    acceleration === null || (typeof acceleration === 'object' && 'kind' in acceleration && 'board' in acceleration)
  );
}
