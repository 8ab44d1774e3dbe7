import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EarthCommand } from '../../../src/earthfile/ast.ts';
import { argumentsOf } from '../../../src/earthfile/arguments.ts';
import { parseEarthfile } from '../../../src/earthfile/parse.ts';
import { keepsText } from '../../../targets/earthfile/one-line.ts';
import { scratch } from '../../support/scratch.ts';
import { compiled, textOf } from './compiled.ts';

const fragment = fc.constantFrom(
  ...["'", '"', '\\', "\\'", '$(', ')', '`', '#', ' #', '  ', '\t', '$', '${X}', '=', ';', '&&', '|', '>', '{', '['],
  ...[
    'END',
    'RUN',
    'a',
    'é',
    '\u{1F600}',
    '--',
    '-x',
    '!',
    '*',
    '~',
    '\\\\',
    "'\\''",
    '"$(',
    '\\"',
    '\u00a0',
    '\u2028',
  ],
);
const command = fc
  .oneof(
    fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 30 }),
  )
  .map((text) =>
    text
      .replace(/[\0\r\n\ud800-\udfff]/g, 'x')
      .replace(/^[\s\\]+/, '')
      .replace(/[\s\\]+$/, ''),
  )
  .filter((text) => text !== '' && !/^(BACKGROUND|REPEATABLE)(\s|$)/.test(text));

/** What the text after `RUN` is for bash, natively: what the plan's step says. */
async function emitted(text: string): Promise<{ readonly line: string; readonly script: string | null }> {
  const { found, files } = await compiled({ Layerfile: `FROM vm/debian:12\nRUN ${text}\n` });
  const errors = found.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join());
  const { ast } = parseEarthfile({ path: 'Earthfile', text: textOf(files) });
  const runs = ast.lines.filter((line): line is EarthCommand => line.kind === 'command' && line.keyword === 'RUN');
  const words = argumentsOf(runs.at(-1) as EarthCommand).words;
  const line = words.map((word) => word.text).join(' ');
  const script = /^\/bin\/sh \/layer\/(.+)$/.exec(line)?.[1];
  return { line, script: script === undefined ? null : textOf(files, `.earth/${script}`) };
}

describe('a command', () => {
  it('reaches bash as it was written, whatever it holds', async () => {
    const here = scratch({ 'layer/sh': '#!/bin/bash\nshift\nprintf "%s\\0" "$#" "$@" >>"$SAID"\n' });
    const said = join(here, 'said');
    const lines: string[] = [];
    const expected: string[] = [];
    await fc.assert(
      fc.asyncProperty(command, async (text) => {
        const { line, script } = await emitted(text);
        lines.push((script ?? line).trimEnd().replace('/layer/sh', `${here}/layer/sh`));
        expected.push('1', text);
        if (script === null) expect(keepsText(line)).toBe(true);
      }),
      { numRuns: 400 },
    );
    // Each line is a shell's whole text, as Earthly hands it to one.
    writeFileSync(join(here, 'lines'), lines.map((line) => `${line}\0`).join(''));
    const each =
      'chmod +x "$1/layer/sh"; while IFS= read -r -d "" line; do /bin/sh -c "$line" || exit; done <"$1/lines"';
    const { status, stderr } = spawnSync('bash', ['-c', each, 'bash', here], { env: { ...process.env, SAID: said } });
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(said, 'utf8').split('\0').slice(0, -1)).toEqual(expected);
  });

  it('goes into a script where the line would be read as something else', async () => {
    expect((await emitted("echo 'a\\'")).script).toContain('/layer/sh run');
    expect((await emitted("echo it's")).line).toBe("/layer/sh run 'echo it'\\''s'");
    expect((await emitted('echo "a  b" # c')).line).toBe(`/layer/sh run 'echo "a  b" # c'`);
  });
});
