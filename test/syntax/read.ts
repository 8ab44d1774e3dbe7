import type { InstructionAst } from '../../src/syntax/ast.ts';
import { keywords } from '../../src/syntax/keywords.ts';
import { parse } from '../../src/syntax/parse.ts';

/** The instructions of a text, each as its keyword and what it was given: a text, or words. */
export function read(text: string): readonly (readonly (string | null)[])[] {
  return parse({ path: 'Layerfile', text }).ast.lines.flatMap((line) =>
    line.kind === 'blank' || line.kind === 'comment' || line.kind === 'invalid'
      ? []
      : [[keywords[line.kind], ...argumentsOf(line)]],
  );
}

/** The codes of what is wrong with a text. */
export function codes(text: string): readonly string[] {
  return parse({ path: 'Layerfile', text }).diagnostics.map(({ code }) => code);
}

function argumentsOf(line: InstructionAst): readonly (string | null)[] {
  switch (line.kind) {
    case 'from':
      return [line.source?.value ?? null];
    case 'run':
    case 'runBackground':
    case 'runRepeatable':
      return [line.command?.value ?? null];
    case 'button':
      return [line.message?.value ?? null];
    case 'buildEnv':
    case 'secretEnv':
      return line.names.map(({ value }) => value);
    case 'cache':
    case 'setupFile':
      return line.paths.map(({ value }) => value);
    case 'wait':
      return line.layerfiles.map(({ value }) => value);
    case 'split':
      return [line.unordered?.value ?? null, ...line.words.map(({ value }) => value)];
    case 'skipRemainingIf':
      return line.conditions.flatMap(({ name, operator, value }) => [
        name.value,
        operator?.value ?? null,
        value?.value ?? null,
      ]);
    case 'copy':
    case 'clone':
    case 'env':
    case 'checkpoint':
    case 'exposeWebsite':
    case 'exposeTcp':
    case 'label':
    case 'memory':
    case 'user':
    case 'workdir':
    case 'aws':
      return line.words.map(({ value }) => value);
  }
}
