import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a machine's record (`machine.json`) says that it stands on; digests. */
interface Standing {
  readonly parent: string | null;
  readonly disk: string;
  readonly initramfs: string;
}

/** What virtual machines begin from. `spare`: nothing that is kept stands on it, and whoever needs it makes it again. */
export interface GuestPart {
  /** Relative to the directory. */
  readonly path: string;
  readonly spare: boolean;
}

/** The booted machines, disks and the rest in `<bases>/guests`; `snapshots` are directories that are kept. Kernels stay: they have to be downloaded. */
export function guestParts(directory: string, snapshots: readonly string[]): readonly GuestPart[] {
  const parents = new Set(snapshots.map((one) => standingOf(one)?.parent ?? null));
  const booted = names(join(directory, 'booted')).flatMap((kind) =>
    names(join(directory, 'booted', kind)).map((name) => {
      const path = `booted/${kind}/${name}`;
      return { path, spare: !parents.has(name), standing: standingOf(join(directory, path)) };
    }),
  );
  const needed = new Set(booted.flatMap(({ spare, standing }) => (spare || !standing ? [] : Object.values(standing))));
  const files = ['disks', 'initramfs'].flatMap((kind) =>
    names(join(directory, kind)).map((name) => {
      const digest = textOf(join(directory, kind, `.${name}.digest`))?.split('\n')[1];
      return { path: `${kind}/${name}`, spare: digest === undefined || !needed.has(digest) };
    }),
  );
  const agents = names(join(directory, 'agents')).map((name) => ({ path: `agents/${name}`, spare: true }));
  const kernels = names(join(directory, 'kernels')).map((name) => ({ path: `kernels/${name}`, spare: false }));
  return [...booted.map(({ path, spare }) => ({ path, spare })), ...files, ...agents, ...kernels];
}

function standingOf(directory: string): Standing | null {
  try {
    const text = readFileSync(join(directory, 'machine.json'), 'utf8');
    const record = JSON.parse(text.split('\n')[1] ?? '') as {
      readonly parent: string | null;
      readonly identity: Pick<Standing, 'disk' | 'initramfs'>;
    };
    const { disk, initramfs } = record.identity;
    return { parent: record.parent, disk, initramfs };
  } catch {
    return null;
  }
}

/** Without notes that lie beside what they are about. */
function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => !name.startsWith('.'))
      .sort();
  } catch {
    return [];
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
