import { describe, expect, test } from 'vitest';
import { layerIn } from '../../support/fake-host.ts';
import { scratch } from '../../support/scratch.ts';

const wrong = 'VERSION 0.8\nFROM alpine\nt:\n    RUN --pusch make\n';

describe('layer check, of Earthfiles', () => {
  test('says when nothing is wrong', async () => {
    const root = scratch({ 'ci/Earthfile': 'VERSION 0.8\nt:\n    FROM alpine\n', 'a.earth': 'VERSION 0.8\n' });
    expect(await layerIn(root, 'check', 'ci/Earthfile')).toEqual({
      code: 0,
      out: '1 Earthfile: nothing wrong\n',
      error: '',
    });
    expect(await layerIn(root, 'check', 'ci/Earthfile', 'a.earth')).toMatchObject({
      out: '2 Earthfiles: nothing wrong\n',
    });
  });

  test('shows what is wrong where it stands, and ends with 2', async () => {
    const root = scratch({ Earthfile: wrong });
    const { code, out } = await layerIn(root, 'check', 'Earthfile');
    expect(code).toBe(2);
    expect(out).toMatchInlineSnapshot(`
      "error[earthfile/unknown-flag]: RUN has no flag --pusch; did you mean --push?
       --> Earthfile:4:9
        |
      4 |     RUN --pusch make
        |         ^^^^^^^

      1 Earthfile: 1 error; \`layer explain <code>\` says more
      "
    `);
  });

  test('takes Layerfiles beside them, and prints for programs', async () => {
    const root = scratch({ Earthfile: wrong, Layerfile: 'FROM vm/debian:12\nRUN make\n' });
    expect((await layerIn(root, 'check', 'Earthfile', 'Layerfile')).out).toContain('1 Layerfile, 1 Earthfile: 1 error');
    const { out } = await layerIn(root, 'check', '--format', 'json', 'Earthfile');
    expect(JSON.parse(out)).toMatchObject({
      errors: 1,
      diagnostics: [{ code: 'earthfile/unknown-flag', path: 'Earthfile' }],
    });
    expect((await layerIn(root, 'check', '--format', 'github', 'Earthfile')).out).toContain('file=Earthfile,line=4');
  });

  test('says where there is none', async () => {
    const { code, out } = await layerIn(scratch({}), 'check', 'Earthfile');
    expect({ code, out }).toMatchObject({ code: 2, out: expect.stringContaining('nothing is there') });
  });
});
