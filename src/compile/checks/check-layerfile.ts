import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { checkAmpersand } from './ampersand.ts';
import { checkCacheOverCopy } from './cache.ts';
import { checkCopyAfterBackground, checkDirectoryAmongSources, checkGitCopied } from './copy.ts';
import { checkDockerTerminal } from './docker.ts';
import { checkExpose } from './expose.ts';
import { checkGrowingMemory, checkLateMemory } from './memory.ts';
import { checkOwnMachine } from './own-machine.ts';
import type { CheckedLayerfile, Rule } from './rule.ts';
import { checkWorkAfterSecret } from './secrets.ts';
import { checkShellState } from './shell-state.ts';
import { checkBuildEnv, checkKeptValue, checkUnnamedSecret } from './variables.ts';

/** All rules that look beyond a single instruction, in no particular order: diagnostics are sorted afterwards. */
const rules: readonly Rule[] = [
  checkAmpersand,
  checkBuildEnv,
  checkCacheOverCopy,
  checkCopyAfterBackground,
  checkDirectoryAmongSources,
  checkDockerTerminal,
  checkExpose,
  checkGitCopied,
  checkGrowingMemory,
  checkKeptValue,
  checkLateMemory,
  checkOwnMachine,
  checkShellState,
  checkUnnamedSecret,
  checkWorkAfterSecret,
];

/** Applies every rule to a Layerfile. */
export function checkLayerfile(checked: CheckedLayerfile, report: (found: Diagnostic) => void): void {
  for (const rule of rules) rule(checked, report);
}
