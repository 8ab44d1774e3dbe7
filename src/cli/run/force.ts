import type { RepoPath } from '../../host.ts';
import { findStep } from '../../ir/find-step.ts';
import type { Plan } from '../../ir/ir.ts';
import type { Chain } from '../../runner/chain.ts';
import type { Forced } from '../../runner/context.ts';
import { nothingForced } from '../../runner/run.ts';

/** What `--no-cache` and `--rerun-from STEP` force, for each chain (`here`: where the person is in the repository); `problem` is a sentence for a person. */
export function forcing(
  plan: Plan,
  {
    noCache,
    rerunFrom,
    here,
  }: { readonly noCache: boolean; readonly rerunFrom: string | null; readonly here: RepoPath },
): { readonly forced: (chain: Chain) => Forced; readonly any: boolean } | { readonly problem: string } {
  if (noCache) return { any: true, forced: () => ({ from: 0, reason: 'forced by --no-cache' }) };
  if (rerunFrom === null) return { any: false, forced: () => nothingForced };
  const named = findStep(plan, rerunFrom, { here, ids: new Map() });
  if ('problem' in named) return named;
  const { step } = named;
  return {
    any: true,
    forced: (chain) => {
      const at = chain.steps.findIndex((one) => one.step === step);
      return at < 0 ? nothingForced : { from: at, reason: `forced by --rerun-from ${rerunFrom}` };
    },
  };
}
