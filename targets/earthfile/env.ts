import type { Env } from '../../src/ir/ir.ts';

/** Names that mean something to the programs that run the steps, so ENV of the image must not hold them. */
const reserved =
  /^(PATH|HOME|USER|LOGNAME|SHELL|IFS|ENV|TMPDIR|LC_.*|LANG|LANGUAGE|BASH.*|LD_.*|LAYER_.*|GIT_.*|SPLIT|SPLIT_NUM|RUNNER_ID)$/;

/** ENV as Earthly's own command, a line a pair: only where each value is fixed and plain. Null where bash must say. */
export function imageEnv(step: Env, evaluated: ReadonlySet<string>): readonly string[] | null {
  const lines: string[] = [];
  for (const { name, literal } of step.pairs) {
    if (literal === null || reserved.test(name) || evaluated.has(name)) return null;
    if (!/^[A-Za-z0-9 _.,:;@%+=/{}()[\]!?&|<>~*^#-]*$/.test(literal)) return null;
    lines.push(`ENV ${name}="${literal}"`);
  }
  return lines;
}
