import { Buffer } from 'node:buffer';
import type { Verdict, Verdicts } from '../ports.ts';
import { encodeLook, type Conclusions } from './kept-look.ts';
import type { LookAgain } from './look-again.ts';
import { joinLooks, type Look, type LookRecorder } from './look.ts';
import { keepWhole } from './whole-file.ts';

/** More are not carried on: most are of instances that have gone. */
const mostCarried = 2000;
/** So many looks that this run had no use for stay, for runs of other Layerfiles. */
const mostOthers = 3;

/**
 * Verdicts on a live tree, good for as long as all that they stand on is seen again just as it was. `looks` are those of earlier runs: only those that have
 * been asked about are looked at again. `recorder` hears what the tree sees; `identity` is what else decides what it shows. `save` writes down what is new.
 */
export function rememberVerdicts(given: {
  readonly looks: readonly LookAgain[];
  readonly key: string;
  readonly file: string;
  readonly identity: () => string;
  readonly recorder: LookRecorder;
}): { readonly verdicts: Verdicts; readonly save: () => void } {
  const { looks, key, file, identity, recorder } = given;
  const fresh = new Map<string, string | number>();
  const asked = new Map<LookAgain, boolean>();
  const stands = (one: LookAgain): boolean => {
    const known = asked.get(one) ?? (one.kept.identity === identity() && one.same(key));
    asked.set(one, known);
    return known;
  };
  return {
    verdicts: {
      find(subject) {
        const found = looks.find((one) => Object.hasOwn(one.kept.verdicts, subject) && stands(one));
        return found === undefined ? null : toVerdict(found.kept.verdicts[subject] ?? 0);
      },
      add: (subject, verdict) => void fresh.set(subject, verdict.holds ? verdict.reads : verdict.reason),
    },
    save() {
      const seen = recorder.look();
      if (fresh.size === 0 || seen === null) return;
      let look: Look & Conclusions = { ...seen, identity: identity(), verdicts: Object.fromEntries(fresh) };
      for (const { kept } of looks.filter((one) => asked.get(one) === true)) {
        const both = joinLooks(kept.look(), look);
        const verdicts = { ...kept.verdicts, ...look.verdicts };
        if (both !== null && Object.keys(verdicts).length <= mostCarried) look = { ...look, ...both, verdicts };
      }
      const others = looks.filter((one) => !asked.has(one)).slice(0, mostOthers);
      keepWhole(file, Buffer.concat([encodeLook(look, key), ...others.map((one) => one.kept.bytes)]));
      fresh.clear();
    },
  };
}

function toVerdict(kept: string | number): Verdict {
  return typeof kept === 'number' ? { holds: true, reads: kept } : { holds: false, reason: kept };
}
