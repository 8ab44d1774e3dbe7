import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { layerIn, layerUntil } from '../../support/fake-host.ts';
import { scratch } from '../../support/scratch.ts';

const text = 'FROM vm/ubuntu:22.04\nRUN true\n';
const workflow = '.github/workflows/layer.yml';

describe('layer compile', () => {
  test('writes the workflow and its shell, once', async () => {
    const root = scratch({ Layerfile: text });
    const written = `wrote ${workflow}\nwrote .github/layer-sh\n`;
    expect(await layerIn(root, 'compile', '--target', 'github')).toEqual({ code: 0, out: '', error: written });
    expect(readFileSync(join(root, workflow), 'utf8')).toContain('name: RUN true');
    expect(await layerIn(root, 'compile', '--target', 'github')).toEqual({ code: 0, out: '', error: '' });
  });

  test('--check ends with 2 where a file on disk is stale, and writes nothing', async () => {
    const root = scratch({ Layerfile: text });
    const check = () => layerIn(root, 'compile', '--target', 'github', '--check');
    expect(await check()).toMatchObject({ code: 2 });
    expect(existsSync(join(root, workflow))).toBe(false);
    await layerIn(root, 'compile', '--target', 'github');
    expect(await check()).toEqual({ code: 0, out: '', error: '' });
    appendFileSync(join(root, 'Layerfile'), 'RUN false\n');
    const stale = `layer compile: ${workflow} is stale; run this again without --check\n`;
    expect(await check()).toEqual({ code: 2, out: '', error: stale });
  });

  test('--out moves it, and - prints it alone', async () => {
    const root = scratch({ 'web/Layerfile': text, 'api/Layerfile': text });
    await layerIn(root, 'compile', '--target', 'github', '--out', 'ci/web.yml', 'web');
    expect(readFileSync(join(root, 'ci/web.yml'), 'utf8')).not.toContain('/api/Layerfile');
    const { code, out, error } = await layerIn(root, 'compile', '--target', 'github', '--out', '-');
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(out).toContain('# /api/Layerfile');
    expect(existsSync(join(root, workflow))).toBe(false);
  });

  test('--watch writes again whenever a Layerfile changes, until it is interrupted', async () => {
    const root = scratch({ Layerfile: text });
    const interrupt = new AbortController();
    const ended = layerUntil(interrupt.signal, root, 'compile', '--target', 'github', '--watch');
    const written = (): string => (existsSync(join(root, workflow)) ? readFileSync(join(root, workflow), 'utf8') : '');
    const patience = { timeout: 60_000, interval: 20 };
    await vi.waitFor(() => expect(written()).toContain('run: "true"'), patience);
    appendFileSync(join(root, 'Layerfile'), 'RUN make one\n');
    await vi.waitFor(() => expect(written()).toContain('run: make one'), patience);
    appendFileSync(join(root, 'Layerfile'), 'NONSENSE\n');
    appendFileSync(join(root, 'Layerfile'), 'RUN make two\n');
    writeFileSync(join(root, 'Layerfile'), `${text}RUN make three\n`);
    await vi.waitFor(() => expect(written()).toContain('run: make three'), patience);
    interrupt.abort();
    expect(await ended).toMatchObject({ code: 0 });
  }, 120_000);

  test('writes nothing where the Layerfiles are wrong, or the target cannot do it', async () => {
    const root = scratch({ Layerfile: `${text}NONSENSE\n`, 'a/Layerfile': `${text}RUN BACKGROUND x\nBUTTON go?\n` });
    expect(await layerIn(root, 'compile', '--target', 'github')).toMatchObject({ code: 2 });
    const refused = await layerIn(root, 'compile', '--target', 'github', 'a');
    expect(refused.code).toBe(2);
    expect(refused.error).toContain('error[target/unsupported]');
    expect(existsSync(join(root, '.github'))).toBe(false);
  });

  test('says what the engine wants', async () => {
    const root = scratch({ Layerfile: text });
    expect(await layerIn(root, 'compile', '--runs-on', 'self-hosted')).toMatchObject({ code: 64 });
    expect(await layerIn(root, 'compile', '--engine', '--action', 'o/layer@v1')).toMatchObject({ code: 64 });
    const { out } = await layerIn(root, 'compile', '--engine', '--out', '-');
    expect(out).toContain('uses: ./.github/actions/layer');
  });

  test('prints what is pinned', async () => {
    const { code, out } = await layerIn(scratch(), 'compile', '--print-pins');
    expect(code).toBe(0);
    expect(out).toMatch(/^actions\/checkout@[0-9a-f]{40} # v7\.0\.1$/m);
    expect(out).toContain('git ls-remote --tags');
  });
});
