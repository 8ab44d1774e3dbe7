import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { layerIn } from '../support/fake-host.ts';

const layer = (...typed: string[]) => layerIn('/', ...typed);

describe('help', () => {
  test('of layer lists every command', async () => {
    const { code, out, error } = await layer('--help');
    expect({ code, error }).toEqual({ code: 0, error: '' });
    for (const name of Object.keys(commands)) expect(out).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
    expect(await layer('help')).toEqual({ code, out, error });
    expect(await layer('-h')).toEqual({ code, out, error });
  });

  test.each(Object.keys(commands))('of %s says how it is used, with examples', async (name) => {
    const { code, out, error } = await layer(name, '--help');
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(out).toContain(`layer ${name}: ${commands[name]?.summary}`);
    expect(out).toContain(`Usage: layer ${name} `);
    expect(out).toMatch(/^Options:$/m);
    expect(out).toMatch(new RegExp(`^Examples:\\n  layer ${name}`, 'm'));
    expect(await layer('help', name)).toMatchObject({ out });
    expect(await layer(name, '-h', '--no-such-option')).toMatchObject({ out });
  });

  test.each([40, 80, 200])('fits %d columns, or what a sentence needs', async (columns) => {
    for (const [name, entry] of Object.entries(commands)) {
      const lines = commandHelp(name, await entry.load(), columns).split('\n');
      const sentences = lines.filter((line) => !/^ {2}\S|^Usage|^layer/.test(line));
      expect(Math.max(...sentences.map((line) => line.length))).toBeLessThanOrEqual(
        Math.max(78, Math.min(columns, 138)),
      );
      expect(lines.every((line) => line === line.trimEnd())).toBe(true);
    }
  });

  test('of help is the general one', async () => {
    expect(await layer('help', 'help')).toEqual(await layer('--help'));
  });

  test('knows the instructions', async () => {
    const { code, out } = await layer('help', 'instructions');
    expect(code).toBe(0);
    expect(out).toMatch(/^  RUN BACKGROUND +Starts a command/m);
    expect(await layer('--help', 'instructions')).toMatchObject({ out });
  });

  test('is what nothing at all gives, as an error', async () => {
    const { code, out, error } = await layer();
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(error).toContain('Usage: layer <command>');
  });
});

describe('what is not there', () => {
  test.each([
    [['chekc'], 'layer: there is no command "chekc"; did you mean layer check?\n'],
    [['lint'], 'layer: there is no command "lint"; see layer check\n'],
    [['toString'], 'layer: there is no command "toString"; layer --help lists the commands\n'],
    [['--verson'], 'layer: there is no option "--verson"; did you mean layer --version?\n'],
    [
      ['run', '--dry-run'],
      'layer run: there is no option --dry-run; `layer plan` says what a run would do, and runs nothing\n  layer run --help says how it is used\n',
    ],
    [
      ['run', '--quiet'],
      'layer run: there is no option --quiet; --progress=quiet prints the end only\n  layer run --help says how it is used\n',
    ],
    [['help', 'grahp'], 'layer: there is no command "grahp"; did you mean layer graph?\n'],
    [
      ['check', '--fromat', 'json'],
      'layer check: there is no option --fromat; did you mean --format?\n  layer check --help says how it is used\n',
    ],
  ])('%j', async (typed, error) => {
    expect(await layer(...typed)).toEqual({ code: 64, out: '', error });
  });
});

test.each(['--version', '-V', '-v'])('%s is one line', async (typed) => {
  expect(await layer(typed)).toEqual({ code: 0, out: 'layer 1.2.3\n', error: '' });
});
