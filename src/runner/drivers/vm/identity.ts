import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { MachineFacts } from './arguments.ts';

/**
 * What a saved machine is bound to. One that is loaded into anything else may run on and be wrong, so a difference makes it unusable; there is no
 * loading of the disk alone.
 */
export interface MachineIdentity {
  /** Of the files of a saved machine; changes whenever older ones can no longer be read. */
  readonly format: number;
  /** What QEMU says its version is, with the distribution's. */
  readonly qemu: string;
  /** Digests of what the machine was booted from. */
  readonly kernel: string;
  readonly initramfs: string;
  readonly disk: string;
  /** Model of the host's processor under KVM, where the guest has its features; null under emulation, which has its own. */
  readonly processor: string | null;
  readonly facts: MachineFacts;
}

export const savedFormat = 3;

/** A counter may be measured this much differently twice and still be the same. */
const tscTolerance = 0.002;

/** In what two identities differ, for a person; null where a machine saved under one may be loaded under the other. */
export function identityDifference(saved: MachineIdentity, present: MachineIdentity): string | null {
  const texts: readonly (readonly [what: string, saved: string, present: string])[] = [
    ['format', String(saved.format), String(present.format)],
    ['QEMU', saved.qemu, present.qemu],
    ['accelerator', saved.facts.accelerator, present.facts.accelerator],
    ['processor', saved.processor ?? 'emulated', present.processor ?? 'emulated'],
    ['board', saved.facts.board, present.facts.board],
    ['memory', `${saved.facts.memoryBytes} bytes`, `${present.facts.memoryBytes} bytes`],
    ['number of processors', String(saved.facts.cpus), String(present.facts.cpus)],
    [
      'kernel command line',
      saved.facts.kernelArguments.join(' ') || 'the usual',
      present.facts.kernelArguments.join(' ') || 'the usual',
    ],
    ['kernel', saved.kernel, present.kernel],
    ['initramfs', saved.initramfs, present.initramfs],
    ['base disk', saved.disk, present.disk],
  ];
  const difference = texts.find(([, one, other]) => one !== other);
  if (difference) return `its ${difference[0]} was ${difference[1]} and is now ${difference[2]}`;
  const [before, now] = [saved.facts.tscKhz, present.facts.tscKhz];
  if (before === now) return null;
  const near = before !== null && now !== null && Math.abs(before - now) <= tscTolerance * now;
  return near ? null : `this host's time stamp counter runs at ${now ?? 'an unknown number of'} kHz, not ${before}`;
}

const versions = new Map<string, Promise<string>>();

/** What a QEMU says its version is, asked once in this process. Rejects where it cannot be started. */
export function qemuVersion(program: string): Promise<string> {
  const known = versions.get(program);
  if (known) return known;
  const asked = promisify(execFile)(program, ['--version'], { encoding: 'utf8' }).then(
    ({ stdout }) => /version (.+)/.exec(stdout)?.[1]?.trim() ?? stdout.trim(),
  );
  versions.set(program, asked);
  asked.catch(() => versions.delete(program));
  return asked;
}

/** The model of the host's processor and what its microcode calls itself: under KVM guests see through to it. */
export function processorModel(): string {
  const text = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  return ['vendor_id', 'cpu family', 'model', 'stepping', 'model name', 'flags'].map(field).join('; ');
}
