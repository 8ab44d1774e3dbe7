import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { layerShell } from '../../../targets/shell/generated-layer-sh.ts';
import { parseAsGithub } from '../../support/workflow/parse.ts';
import { emitted, faults, readWorkflow } from './emitted.ts';

const from = 'FROM vm/ubuntu:22.04\n';

describe('a workflow', () => {
  it('holds a command as it is, whatever it is', async () => {
    const character = fc.oneof(
      fc.constantFrom(
        ...'\'"`$\\{}()<>|&;:#%@!?*~-=, \t[]',
        '${{',
        '}}',
        '\u0085',
        '\u2028',
        'é',
        '🙂',
        'yes',
        'null',
        '1.10',
        '0x1',
        '<<',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
    );
    const command = fc
      .array(character, { minLength: 1, maxLength: 12 })
      .map((parts) => parts.join(''))
      .filter((text) => !/[\r\n]/.test(text) && text.trim() === text && !text.endsWith('\\') && text !== '');
    await fc.assert(
      fc.asyncProperty(command, async (text) => {
        const { text: workflow } = await emitted({ Layerfile: `${from}RUN x ${text} y\n` });
        const step = readWorkflow(workflow).jobs['main-layerfile']?.steps.at(-1);
        const written = step?.env?.['LAYER_COMMAND'] ?? step?.run;
        expect(String(written).replaceAll("${{ '${{' }}", '${{')).toBe(`x ${text} y`);
        expect(step?.run).not.toContain('${{');
      }),
      { numRuns: 300 },
    );
  });

  it('says which files it was made from, and changes with them alone', async () => {
    const digest = async (text: string) => /^# sources: (.*)$/m.exec((await emitted({ Layerfile: text })).text)?.[1];
    expect(await digest(`${from}RUN a\n`)).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await digest(`${from}RUN a\n`)).toBe(await digest(`${from}RUN a\n`));
    expect(await digest(`${from}RUN a\n`)).not.toBe(await digest(`${from}RUN b\n`));
  });

  it('takes paths, messages and names as text', async () => {
    const { text } = await emitted({
      'a: b #c\nd/Layerfile': `${from}COPY 'odd: #\${{ x }}' .\nRUN echo on\n`,
      'a: b #c\nd/odd: #${{ x }}': '',
      'on/Layerfile': `${from}RUN true\n`,
      '1.10/Layerfile': `${from}BUTTON null: "\${{ secrets.X }}" # really?\nRUN yes\n`,
    });
    expect(await faults(text)).toEqual([]);
    const { jobs } = readWorkflow(text);
    expect(Object.keys(jobs)).toHaveLength(5);
    expect(JSON.stringify(jobs)).not.toMatch(/\$\{\{ ?secrets\.X/);
  });

  it('gives each step its place, and a name', async () => {
    const { text } = await emitted({ 'web/Layerfile': `${from}\nRUN true\n` });
    expect(text).toContain('      # web/Layerfile:3\n      - name: RUN true\n        run: "true"\n');
  });

  it('hands the files of shared parents on where it is told to', async () => {
    const repository = {
      Layerfile: `${from}SECRET ENV KEY\nRUN make\n`,
      'server/Layerfile': `${from}RUN BACKGROUND serve\n`,
      'a/Layerfile': 'FROM /\nSPLIT 2\nRUN a\n',
      'b/Layerfile': 'FROM /\nBUTTON go on?\nRUN b\n',
      'c/Layerfile': 'FROM /server\nRUN c\n',
      'd/Layerfile': 'FROM /server\nRUN d\n',
    };
    const { text } = await emitted(repository, { inherit: 'artifact' });
    expect(await faults(text)).toEqual([]);
    const { jobs } = readWorkflow(text);
    expect(Object.keys(jobs)).toEqual(['main-layerfile', 'a', 'b', 'b-guard', 'b-after-button', 'c', 'd']);
    expect(jobs['a']?.needs).toEqual(['main-layerfile']);
    expect(text.match(/run: make$/gm)).toHaveLength(1);
    expect(text.match(/run: serve$/gm)).toHaveLength(2);
  });

  it('keeps images of shared parents where it is told to', async () => {
    const repository = {
      'deps/Layerfile': `${from}BUILD ENV GIT_BRANCH\nCOPY package.json *.lock ./\nRUN install\n`,
      'deps/package.json': '',
      'deps/x.lock': '',
      'all/Layerfile': `${from}COPY / .\nRUN make\n`,
      'secret/Layerfile': `${from}SECRET ENV KEY\nRUN make\n`,
      'a/Layerfile': 'FROM /deps\nRUN a\n',
      'b/Layerfile': 'FROM /deps\nWAIT /a\nAWS link --region=eu-west-1\nRUN b\n',
      'c/Layerfile': 'FROM /deps\nBUTTON c?\nRUN c\n',
      ...Object.fromEntries(['d', 'e'].map((name) => [`${name}/Layerfile`, 'FROM /all\nRUN x\n'])),
      ...Object.fromEntries(['f', 'g'].map((name) => [`${name}/Layerfile`, 'FROM /secret\nRUN x\n'])),
    };
    const { text, found } = await emitted(repository, { inherit: 'image' });
    expect(await faults(text)).toEqual([]);
    const { jobs } = readWorkflow(text);
    expect(jobs['a']?.container?.image).toBe(
      "${{ needs.deps-image.outputs.image || needs.deps-look-up.outputs.image || 'ubuntu:22.04@sha256:962f6cadeae0ea6284001009daa4cc9a8c37e75d1f5191cf0eb83fe565b63dd7' }}",
    );
    expect(jobs['a']?.needs).toEqual(['deps-look-up', 'deps', 'deps-image']);
    expect(jobs['deps-look-up']?.steps.at(-1)?.run).toMatch(
      / -e GIT_BRANCH -p \/deps\/package\.json -g '\/deps\/\*\.lock'$/,
    );
    expect(
      Object.entries(jobs).flatMap(([id, { permissions }]) => (permissions['packages'] === 'write' ? [id] : [])),
    ).toEqual(['deps-image', 'all-image']);
    expect([jobs['c']?.container, jobs['f']?.container]).toEqual([undefined, undefined]);
    expect(
      found.filter(({ code }) => code === 'github/image-of-everything').map(({ span }) => span?.file.path),
    ).toEqual(['all/Layerfile']);
    const another = await emitted({ ...repository, 'a/Layerfile': 'FROM /deps\nRUN other\n' }, { inherit: 'image' });
    const keyIn = (workflow: string): string => /layer-sh look-up layer-deps (\w+)/.exec(workflow)?.[1] ?? '';
    expect(keyIn(another.text)).toBe(keyIn(text));
    const changed = await emitted({ ...repository, 'deps/Layerfile': `${from}RUN install\n` }, { inherit: 'image' });
    expect(keyIn(changed.text)).not.toBe(keyIn(text));
  });

  it('runs in containers of exactly the base where it is told to', async () => {
    const versions = ['ubuntu:18.04', 'ubuntu:20.04', 'ubuntu:22.04', 'ubuntu:24.04', 'debian:12', 'debian:13'];
    const repository = Object.fromEntries(
      versions.map((version) => [
        `${version.replace(/\W/g, '-')}/Layerfile`,
        `FROM vm/${version}\nRUN BACKGROUND x\nRUN y\n`,
      ]),
    );
    const { text, found } = await emitted(repository, { os: 'container' });
    expect(await faults(text)).toEqual([]);
    const images = Object.values(readWorkflow(text).jobs).map(({ container }) => container?.image.split('@')[0]);
    expect(images.sort()).toEqual([...versions].sort());
    expect(found.filter(({ code }) => code === 'github/other-machine')).toHaveLength(6);
  });

  it("runs `layer run` in the same jobs where it is told to, and keeps strangers from machines of one's own", async () => {
    const repository = {
      Layerfile: `${from}SECRET ENV KEY\nRUN make\nBUTTON deploy?\nRUN deploy\n`,
      'a/Layerfile': `${from}WAIT /\nRUN BACKGROUND a\nBUTTON b?\n`,
    };
    const engine = { action: `o/layer@${'0'.repeat(40)}`, runsOn: ['self-hosted', 'kvm'], selfHosted: true };
    const { text } = await emitted(repository, { engine });
    const found = await faults(text.replaceAll(/(@0{40})$/gm, '$1 # v1.0.0'));
    expect(found.filter((one) => !/label "kvm" is unknown/.test(one))).toEqual([]);
    const { jobs } = readWorkflow(text);
    const steps = jobs['main-layerfile']?.steps ?? [];
    expect(steps.at(-1)).toEqual({
      name: 'layer run Layerfile',
      id: 'layer',
      uses: engine.action,
      with: { paths: 'Layerfile', secrets: 'KEY', button: 'stop' },
      env: { KEY: '${{ secrets.KEY }}' },
    });
    expect(jobs['main-layerfile-after-button']?.steps.at(-1)?.with).toMatchObject({ press: 'deploy?' });
    expect(jobs['a']?.needs).toEqual(['main-layerfile-after-button']);
    expect(jobs['a']?.steps.at(-1)?.with).toEqual({ paths: 'a/Layerfile', done: 'Layerfile', button: 'stop' });
    expect(jobs['a']?.if).toContain('head.repo.full_name == github.repository');
  });

  it('is refused to the engine where one press would press two BUTTONs', async () => {
    const engine = { action: './x', runsOn: ['ubuntu-24.04'], selfHosted: false };
    const text = `${from}BUTTON go?\nRUN a\nBUTTON go?\nRUN b\n`;
    const { found, files } = await emitted({ Layerfile: text }, { engine });
    expect(files).toBeNull();
    expect(found.map(({ message }) => message).join()).toContain('one press would press both');
  });

  it.each([
    ['FROM vm/ubuntu:22.04\nSPLIT 257\nRUN x\n', /256 copies/],
    [`${from}RUN ${'x'.repeat(21_001)}\n`, /21000 characters/],
    [
      `${from}CACHE ${Array.from({ length: 2000 }, (_none, index) => `/a-directory/${index}`).join(' ')}\n`,
      /name directories or globs/,
    ],
    [`${from}RUN BACKGROUND x\nBUTTON go?\nRUN y\n`, /does not reach it/],
    [`${from}${'RUN BACKGROUND x\n'.repeat(11)}`, /this is the eleventh/],
  ])('is refused where GitHub cannot do it: %#', async (text, why) => {
    const { found, files } = await emitted({ Layerfile: text });
    expect(files).toBeNull();
    expect(found.map(({ message }) => message).join('\n')).toMatch(why);
  });

  it('keeps more than ten programs up in the shell, and 256 copies in a matrix', async () => {
    const { text } = await emitted(
      { Layerfile: `${from}SPLIT 256\n${'RUN BACKGROUND x\n'.repeat(11)}` },
      { background: 'shell' },
    );
    expect(await faults(text)).toEqual([]);
  });

  it('warns of names that GitHub does not take, of what shows nevertheless, and of less memory', async () => {
    const { found, text } = await emitted({
      Layerfile: `${from}MEMORY 64G\nLABEL status=hidden\nSECRET ENV GITHUB_TOKEN GITHUB_X\nRUN x\n`,
    });
    const warnings = ['github/memory', 'github/own-token', 'github/secret-name', 'github/hidden'];
    expect(found.map(({ code }) => code)).toEqual(warnings);
    expect(text).toContain('GITHUB_X: ${{ secrets.LAYER_GITHUB_X }}');
    expect(await faults(text)).toEqual([]);
  });

  it('is one whose fault GitHub would see', async () => {
    const { text } = await emitted({ Layerfile: `${from}RUN true\n` });
    expect((await parseAsGithub(text.replace('runs-on', 'runs-at'))).errors).not.toEqual([]);
    expect(await faults(text.replace('actions/checkout@', 'actions/checkout@v'))).not.toEqual([]);
  });
});

it('layer-sh has nothing that shellcheck warns of', () => {
  expect(spawnSync('shellcheck', ['-S', 'warning', '-'], { input: layerShell, encoding: 'utf8' })).toMatchObject({
    stdout: '',
    status: 0,
  });
});
