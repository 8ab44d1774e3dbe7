import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layerIn } from '../../support/fake-host.ts';
import { scratch } from '../../support/scratch.ts';

const good = 'FROM vm/debian:12\nRUN make\n';
const warned = 'FROM ubuntu:18.04\nRUN make\n';
const wrong = 'FROM vm/debian:12\nrun make\n';

describe('layer check', () => {
  test('says when nothing is wrong', async () => {
    const root = scratch({ Layerfile: good, 'web/Layerfile': 'FROM /\nRUN make\n' });
    expect(await layerIn(root, 'check')).toEqual({ code: 0, out: '2 Layerfiles: nothing wrong\n', error: '' });
  });

  test('paths that lead nowhere are no Layerfiles', async () => {
    const root = scratch({ Layerfile: good, loop: { link: 'loop' }, file: '' });
    for (const path of ['file/Layerfile', 'Layerfile/below', 'loop', 'loop/Layerfile', `${'long'.repeat(100)}/web`]) {
      const { code, out, error } = await layerIn(root, 'check', path);
      expect({ path, code, error }).toEqual({ path, code: 64, error: '' });
      expect(out).toMatch(/^error\[file\/no-such-layerfile\]: /);
    }
  });

  test('shows what is wrong where it stands, and ends with 2', async () => {
    const root = scratch({ 'web/Layerfile': wrong });
    const { code, out, error } = await layerIn(root, 'check');
    expect({ code, error }).toEqual({ code: 2, error: '' });
    expect(out).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: run is not an instruction; did you mean RUN?
       --> web/Layerfile:2:1
        |
      2 | run make
        | ^^^

      1 Layerfile: 1 error; \`layer explain <code>\` says more
      "
    `);
  });

  test('ends with 0 for warnings, unless they are too many', async () => {
    const root = scratch({ Layerfile: warned });
    const fine = await layerIn(root, 'check', '--max-warnings', '1');
    expect(fine).toMatchObject({ code: 0, error: '' });
    expect(fine.out).toContain('1 Layerfile: 1 warning');
    expect(await layerIn(root, 'check', '--max-warnings', '0')).toMatchObject({
      code: 2,
      error: 'layer check: 1 warning, where --max-warnings allows 0\n',
    });
  });

  test('looks only at what was asked for, and what that starts from', async () => {
    const root = scratch({ 'a/Layerfile': wrong, 'b/Layerfile': 'FROM /a\n', 'c/Layerfile': good });
    expect(await layerIn(root, 'check', 'c')).toMatchObject({ code: 0, out: '1 Layerfile: nothing wrong\n' });
    expect(await layerIn(root, 'check', 'b/Layerfile')).toMatchObject({
      code: 2,
      out: expect.stringContaining('--> a/Layerfile:2:1'),
    });
    expect(await layerIn(root, 'check', '.')).toMatchObject({ code: 2 });
  });

  test('shows paths as they are seen from the current directory', async () => {
    const root = scratch({ '.git/HEAD': '', 'a/Layerfile': wrong, 'b/x': '' });
    expect((await layerIn(join(root, 'b'), 'check')).out).toContain('--> ../a/Layerfile:2:1');
    expect((await layerIn(join(root, 'a'), 'check')).out).toContain('--> Layerfile:2:1');
    expect((await layerIn(join(root, 'b'), 'check', '../a')).out).toContain('--> ../a/Layerfile:2:1');
    expect((await layerIn('/', 'check', join(root, 'a'))).out).toContain(`--> ${root.slice(1)}/a/Layerfile:2:1`);
  });

  test('prints for GitHub, code scanning and programs, with paths of the repository', async () => {
    const root = scratch({ '.git/HEAD': '', 'a/Layerfile': wrong });
    const inA = (format: string) => layerIn(join(root, 'a'), 'check', '--format', format);
    expect(await inA('github')).toMatchObject({
      code: 2,
      out: expect.stringMatching(
        /^::error file=a\/Layerfile,line=2,endLine=2,col=1,endColumn=4,title=syntax\/unknown-instruction::.*\n$/,
      ),
    });
    const sarif = JSON.parse((await inA('sarif')).out);
    expect(sarif.runs[0].tool.driver.semanticVersion).toBe('1.2.3');
    expect(sarif.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri).toBe('a/Layerfile');
    const json = JSON.parse((await inA('json')).out);
    expect(json).toMatchObject({
      errors: 1,
      diagnostics: [{ code: 'syntax/unknown-instruction', path: 'a/Layerfile' }],
    });
  });
});

describe('layer check is given something else than Layerfiles', () => {
  test('no Layerfile at all', async () => {
    const root = scratch({ 'README.md': '' });
    const { code, out } = await layerIn(root, 'check');
    expect(code).toBe(2);
    expect(out).toContain(`error[file/none]: there is no Layerfile in ${root}`);
  });

  test('a path that names nothing', async () => {
    const root = scratch({ 'web/Layerfile': good });
    expect(await layerIn(root, 'check', 'wbe')).toMatchObject({
      code: 64,
      out: expect.stringContaining('there is no Layerfile at wbe; did you mean web?'),
    });
    expect(await layerIn(root, 'check', 'a/b/c')).toMatchObject({ code: 64 });
    expect((await layerIn(join(root, 'web'), 'check', '../wbe')).out).toContain(
      'there is no Layerfile at ../wbe; did you mean .?',
    );
  });

  test.each(['check', 'run', 'fmt', 'graph', 'compile', 'plan'])(
    'a file of another name, by layer %s',
    async (name) => {
      const root = scratch({ Layerfile: good, 'README.md': '' });
      expect(await layerIn(root, name, 'README.md')).toEqual({
        code: 64,
        out: '',
        error: expect.stringContaining(
          `layer ${name}: README.md is no Layerfile: name one, or a directory that holds some\n`,
        ),
      });
    },
  );

  test('paths of two repositories', async () => {
    const root = scratch({ '.git/HEAD': '', Layerfile: good });
    const other = scratch({ '.git/HEAD': '', Layerfile: good });
    expect(await layerIn(root, 'check', '.', other)).toEqual({
      code: 64,
      out: '',
      error: `layer check: ${other} is not in the repository ${root}\n`,
    });
    expect(await layerIn(root, 'check', other)).toMatchObject({ code: 0 });
  });

  test.each([
    ['a directory', { 'Layerfile/': '' }, 'error[file/is-directory]'],
    [
      'bytes that are not UTF-8',
      { Layerfile: Buffer.from('FROM vm/debian:12\nRUN \xff\n', 'latin1') },
      'error[file/not-utf8]',
    ],
    ['a link out of the repository', { Layerfile: { link: '/etc/passwd' } }, 'error[file/link-outside]'],
    [
      'a link to nothing',
      { Layerfile: { link: 'nowhere' } },
      'it is a link to nowhere, where nothing is\n --> Layerfile:1:1\n\n1 error;',
    ],
    ['a link to itself', { Layerfile: { link: 'Layerfile' } }, 'which leads nowhere in the end'],
  ])('%s', async (_what, files, message) => {
    const { code, out, error } = await layerIn(scratch(files), 'check');
    expect({ code, error }).toEqual({ code: 2, error: '' });
    expect(out).toContain(message);
    expect(out).not.toContain('root:');
  });

  test('a pipe', async () => {
    const root = scratch();
    execFileSync('mkfifo', [join(root, 'Layerfile')]);
    expect(await layerIn(root, 'check')).toMatchObject({
      code: 2,
      out: expect.stringContaining('error[file/unreadable]'),
    });
  });

  test('an empty file', async () => {
    const { code, out } = await layerIn(scratch({ Layerfile: '' }), 'check');
    expect(code).toBe(2);
    expect(out).toContain('--> Layerfile:1:1');
  });
});
