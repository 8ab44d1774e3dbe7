import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../../src/compile/compile.ts';
import { nodeHost } from '../../../src/node-host.ts';
import { debianBase } from '../../support/base-machine.ts';
import { runByEarthfile, runNatively, type Story } from '../../support/earthfile-executor/two-ways.ts';
import { scratch } from '../../support/scratch.ts';

const root = fileURLToPath(new URL('../../../fixtures/run/', import.meta.url));

/** What a story needs to be told; stories that are not here need nothing. */
const told: Readonly<Record<string, Omit<Story, 'repo' | 'here'> & { readonly before?: string }>> = {
  'build-env': { before: "git init -q -b main && git add . && git commit -qm 'First one'" },
  secrets: {
    native: ['--secret', 'API_TOKEN'],
    env: { API_TOKEN: 'canary-3141592653' },
  },
  button: { native: ['--press', '1'], earth: ['--push', '+main-layerfile-after-button'] },
};

/** Stories that are not for an Earthfile, and why. */
const notTold: Readonly<Record<string, string>> = {
  aws: 'the credentials are those of whoever runs Earthly',
  clone: 'the other repository is a directory of this host, which no container sees',
  memory: 'Earthly knows no MEMORY, and says so',
};

/** Stories whose files differ from run to run. */
const withoutTree = new Set(['cache', 'cache-after-background', 'verify']);

/**
 * The last RUN of each Layerfile that nothing starts from: what its working directory holds, but for what lies beside the Earthfile, and for the
 * group's rights, which Earthly does not give.
 */
const ours = '-not -path "./.earth*" -not -path ./Earthfile';
const modes = `sed -E 's/^(.*) ([a-z]) ([0-7])[0-7]([0-7]) /\\1 \\2 \\3\\4 /'`;
const showTree = `RUN find . -xdev -mindepth 1 ${ours} -printf '%P %y %m %u:%g %l\\n' | ${modes} | LC_ALL=C sort && find . -xdev -type f ${ours} -exec sha256sum {} + | LC_ALL=C sort -k 2`;

async function showTrees(repo: string): Promise<void> {
  const { plan } = await compile(nodeHost().repository(repo));
  if (plan === null) throw new Error('the story does not compile');
  const parents = new Set(plan.layers.flatMap(({ base }) => (base.kind === 'layer' ? [base.id] : [])));
  for (const { id, path } of plan.layers) if (!parents.has(id)) appendFileSync(join(repo, path), `\n${showTree}\n`);
}

describe('what is emitted for fixtures/run', () => {
  beforeAll(async () => void (await debianBase()));

  for (const name of readdirSync(root).sort()) {
    if (Object.hasOwn(notTold, name)) continue;
    it(`${name} ends as it does natively`, async () => {
      const { before, ...options } = told[name] ?? {};
      const here = scratch();
      const repo = join(here, 'repo');
      mkdirSync(repo);
      if (existsSync(join(root, name, 'repo'))) cpSync(join(root, name, 'repo'), repo, { recursive: true });
      if (!withoutTree.has(name)) await showTrees(repo);
      if (before !== undefined) spawnSync('bash', ['-c', before], { cwd: repo, env: { ...process.env, ...author } });
      const native = runNatively({ repo, here, ...options });
      const { succeeded, lines } = await runByEarthfile({ repo, here, ...options });
      expect({ succeeded, lines: lines.flatMap(asNatively).sort() }).toEqual(native);
    });
  }
});

/** What a line would be natively: secrets are masked there, and the machine's own sentences stand elsewhere. */
function asNatively(line: string): readonly string[] {
  if (line.startsWith('layer: it did not stay up')) return [];
  return [
    line
      .replaceAll('canary-3141592653', '***')
      .replace(Buffer.from('canary-3141592653').toString('base64').slice(0, -1), '***'),
  ];
}

const author = {
  GIT_AUTHOR_NAME: 'Somebody',
  GIT_AUTHOR_EMAIL: 'somebody@example.com',
  GIT_COMMITTER_NAME: 'Somebody',
  GIT_COMMITTER_EMAIL: 'somebody@example.com',
};
