import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Verdict, Verdicts } from '../ports.ts';
import { encodeLook, joinLooks, type LookRecorder, type SavedLook } from './look.ts';
import type { LookAgain } from './look-again.ts';

/** More are not carried on: most are of instances that have gone. */
const mostCarried = 2000;

/**
 * Verdicts on a live tree, good for as long as all that they stand on is seen again just as it was. `recorder` hears what the tree sees; `identity` is what
 * else decides what it shows. `save` writes down what is new.
 */
export function rememberVerdicts(given: {
  readonly look: LookAgain | null;
  readonly key: string;
  readonly file: string;
  readonly identity: () => string;
  readonly recorder: LookRecorder;
}): { readonly verdicts: Verdicts; readonly save: () => void } {
  const { key, file, identity, recorder } = given;
  const fresh = new Map<string, string | number>();
  let again: SavedLook | null | undefined;
  const valid = (): SavedLook | null => {
    if (again === undefined) {
      const look = given.look?.same(key) ?? null;
      again = look?.identity === identity() ? look : null;
    }
    return again;
  };
  return {
    verdicts: {
      find(subject) {
        const known = valid()?.verdicts ?? {};
        return Object.hasOwn(known, subject) ? toVerdict(known[subject] ?? 0) : null;
      },
      add: (subject, verdict) => void fresh.set(subject, verdict.holds ? verdict.reads : verdict.reason),
    },
    save() {
      const seen = recorder.look();
      if (fresh.size === 0 || seen === null) return;
      const before = valid();
      const carried = before !== null && Object.keys(before.verdicts).length < mostCarried ? before : null;
      const look = carried === null ? seen : joinLooks(carried, seen);
      const verdicts = { ...carried?.verdicts, ...Object.fromEntries(fresh) };
      if (look !== null) writeWhole(file, encodeLook({ ...look, identity: identity(), verdicts }, key));
      fresh.clear();
    },
  };
}

function toVerdict(kept: string | number): Verdict {
  return typeof kept === 'number' ? { holds: true, reads: kept } : { holds: false, reason: kept };
}

function writeWhole(file: string, bytes: Uint8Array): void {
  const staged = `${file}.${randomBytes(6).toString('hex')}`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(staged, bytes, { mode: 0o600, flag: 'wx' });
    renameSync(staged, file);
  } catch (error) {
    rmSync(staged, { force: true });
    throw error;
  }
}
