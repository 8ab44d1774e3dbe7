import { describe, expect, test } from 'vitest';
import { catalog } from '../../../src/diagnostics/catalog.ts';
import { keywords } from '../../../src/syntax/keywords.ts';
import { layerIn } from '../../support/fake-host.ts';

const explain = (...topic: string[]) => layerIn('/', 'explain', ...topic);

describe('layer explain', () => {
  test.each(Object.keys(catalog))('%s', async (code) => {
    const { code: exitCode, out } = await explain(code);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^(error|warning|info) ${code}\n\n\\S`));
    for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(140);
  });

  test.each(Object.values(keywords))('%s', async (keyword) => {
    const { code, out } = await explain(...keyword.split(' '));
    expect(code).toBe(0);
    expect(out).toContain(`${keyword} `);
    expect(await explain(keyword.toLowerCase())).toEqual({ code, out, error: '' });
  });

  test('knows codes by their end, and variables', async () => {
    expect(await explain('copy-over-background')).toMatchObject({ code: 64 });
    expect(await explain('copy-after-background')).toEqual(await explain('lint/copy-after-background'));
    const { code, out } = await explain('GIT_BRANCH');
    expect({ code, out }).toEqual({
      code: 0,
      out: expect.stringMatching(/^GIT_BRANCH\n\n  Always set: the branch\.\n.*BUILD ENV GIT_BRANCH/),
    });
    expect(await explain('$GIT_BRANCH')).toMatchObject({ out });
  });

  test('takes the first word of several keywords for all of them', async () => {
    const { out } = await explain('expose');
    expect(out).toContain('EXPOSE WEBSITE ');
    expect(out).toContain('EXPOSE TCP ');
  });

  test('lists everything', async () => {
    const { code, out } = await explain();
    expect(code).toBe(0);
    for (const code of Object.keys(catalog)) expect(out).toContain(`  ${code}\n`);
    for (const keyword of Object.values(keywords)) expect(out).toContain(`  ${keyword} `);
  });

  test('finds what was meant', async () => {
    expect(await explain('syntax/unknown-instructoin')).toEqual({
      code: 64,
      out: '',
      error:
        'layer explain: nothing is called "syntax/unknown-instructoin"; did you mean syntax/unknown-instruction?\n',
    });
    expect(await explain('RUN', 'BACKGRUOND')).toMatchObject({
      error: expect.stringContaining('did you mean RUN BACKGROUND?'),
    });
    expect(await explain('zzzzzzzzz')).toMatchObject({
      code: 64,
      error: expect.stringContaining('`layer explain` lists'),
    });
  });
});
