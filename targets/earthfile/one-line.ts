import type { EarthCommand } from '../../src/earthfile/ast.ts';
import { parseEarthfile } from '../../src/earthfile/parse.ts';

/**
 * Whether a RUN of an Earthfile hands this text to the shell as it stands: Earthly reads the line as words, which it joins by single
 * blanks. What comes back another text (`'it\'`, two blanks outside quotes, a `#`) has to go into a script.
 */
export function keepsText(command: string): boolean {
  if (/[\r\n]/.test(command)) return false;
  const { ast, diagnostics } = parseEarthfile({ path: '', text: `VERSION 0.8\nt:\n    RUN -- ${command}\n` });
  const commands = ast.lines.filter((line): line is EarthCommand => line.kind === 'command');
  const run = commands[1];
  return (
    diagnostics.length === 0 &&
    commands.length === 2 &&
    run !== undefined &&
    run.words.map(({ text }) => text).join(' ') === `-- ${command}`
  );
}
