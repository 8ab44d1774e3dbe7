import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scratch } from '../../support/scratch.ts';
import { compiled } from './compiled.ts';

/** A tool that says how it was called, and whether a secret came in its environment. */
const tool = (name: string) => `#!/bin/bash\necho "${name} $*"; echo "TOKEN=$TOKEN"; printf '%s' "$LAYER_RUN"\n`;

async function repository(tools: readonly string[]): Promise<string> {
  const { files } = await compiled({
    Layerfile: 'FROM vm/debian:12\nSECRET ENV TOKEN\nBUILD ENV GIT_BRANCH SUBDOMAIN\nRUN make\n',
  });
  const root = scratch({ 'bin/': '' });
  for (const { path, content } of files ?? []) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  for (const name of tools) {
    writeFileSync(join(root, 'bin', name), tool(name));
    chmodSync(join(root, 'bin', name), 0o755);
  }
  return root;
}

function build(root: string, args: readonly string[], env: Readonly<Record<string, string>> = { TOKEN: 'canary' }) {
  const path = `${join(root, 'bin')}:/usr/bin:/bin`;
  const { status, stdout, stderr } = spawnSync('bash', [join(root, '.earth/build'), ...args], {
    env: { PATH: path, ...env },
    encoding: 'utf8',
  });
  return { status, lines: stdout.split('\n'), stderr };
}

describe('.earth/build', () => {
  it('calls earth with the ARGs that BUILD ENV names; secrets stay in the environment', async () => {
    const root = await repository(['earth', 'earthly']);
    spawnSync('git', ['init', '-q', '-b', 'feature/Add it', root]);
    const { status, lines } = build(root, ['--ci'], { TOKEN: 'canary', GIT_BRANCH: 'feature/Add it; x' });
    expect(status).toBe(0);
    expect(lines[0]).toBe(
      'earth --ci --secret TOKEN --secret LAYER_RUN +all --GIT_BRANCH=feature/Add it; x --SUBDOMAIN=add-it--x',
    );
    expect(lines).toContain('TOKEN=canary');
    expect(lines).toContain('export GIT_BRANCH=feature/Add\\ it\\;\\ x');
    expect(lines.join()).toContain('export CI=true');
  });

  it('calls earthly where there is no earth, with the target that was named', async () => {
    const { lines } = build(await repository(['earthly']), ['--push', '+x', '--SPLIT=1']);
    expect(lines[0]).toMatch(/^earthly --push --secret TOKEN --secret LAYER_RUN \+x --SPLIT=1 --GIT_BRANCH=/);
  });

  it('says what is missing', async () => {
    const none = build(await repository([]), []);
    expect(none).toMatchObject({ status: 1, stderr: expect.stringContaining('neither earth nor earthly is here') });
    const secretless = build(await repository(['earth']), [], {});
    expect(secretless).toMatchObject({ status: 1, stderr: expect.stringContaining('the secret TOKEN has no value') });
  });
});
