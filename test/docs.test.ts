import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scratch } from './support/scratch.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

test('the example of the page on fleets is what layer compile makes of its Layerfiles', () => {
  const page = readFileSync(join(root, 'docs/fleet.md'), 'utf8');
  const [, command = ''] = /^\$ layer (compile .*)$/m.exec(page) ?? [];
  const repository = scratch();
  cpSync(join(root, 'docs/fleet'), repository, { recursive: true });
  const workflow = join(repository, 'layer.yml');
  const args = [...command.split(' '), '--out', 'layer.yml'];
  execFileSync(process.execPath, [join(root, 'src/cli/main.ts'), ...args], { cwd: repository, stdio: 'pipe' });
  const expected = join(root, 'docs/fleet/layer.yml');
  const compiled = readFileSync(workflow, 'utf8');
  if (process.env['UPDATE_GOLDENS']) writeFileSync(expected, compiled);
  expect(compiled).toBe(readFileSync(expected, 'utf8'));
  expect(compiled).toContain('self-hosted');
});
