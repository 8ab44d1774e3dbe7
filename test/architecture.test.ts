import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { breaches, type Sources } from './support/architecture.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function projectSources(): Sources {
  const paths = globSync(['src/**/*.ts', 'targets/**/*.ts', 'grammar/**/*.ts'], { cwd: root });
  const written = paths.filter((path) => !path.includes('/generated-'));
  return new Map(written.sort().map((path) => [path, readFileSync(`${root}/${path}`, 'utf8')]));
}

describe('the project', () => {
  test('keeps its layers and names', () => {
    const sources = projectSources();
    expect(sources.size).toBeGreaterThan(30);
    expect(breaches(sources)).toEqual([]);
  });
});

describe('breaches', () => {
  const found = (path: string, text: string) => breaches(new Map([[path, text]]));

  test.each([
    ['src/diagnostics/render/x.ts', "import { parse } from '../../syntax/parse.ts';"],
    ['src/ir/x.ts', "import type { Target } from '../target.ts';"],
    ['src/syntax/x.ts', "export { link } from '../compile/link.ts';"],
    ['src/compile/x.ts', "const run = await import('../runner/run.ts');"],
    ['src/compile/x.ts', "let run: typeof import('../runner/run.ts');"],
    ['src/runner/x.ts', "import type { RunAst } from '../syntax/ast.ts';"],
    ['src/runner/x.ts', "import { compile } from '../compile/compile.ts';"],
    ['src/runner/x.ts', "import { sandbox } from './drivers/sandbox/driver.ts';"],
    ['src/runner/drivers/sandbox/x.ts', "import { qmp } from '../vm/qmp.ts';"],
    ['src/runner/drivers/vm/x.ts', "import { local } from '../../stores/local.ts';"],
    ['src/runner/fuse/x.ts', "import { local } from '../stores/local.ts';"],
    ['src/runner/stores/local.ts', "import { registry } from './registry.ts';"],
    ['src/runner/x.ts', "import { nodeHost } from '../node-host.ts';"],
    ['src/runner/x.ts', "import { exit } from '../cli/exit.ts';"],
    ['src/action/x.ts', "import { exit } from '../cli/exit.ts';"],
    ['targets/earthfile/x.ts', "import { parse } from '../../src/syntax/parse.ts';"],
    ['targets/earthfile/x.ts', "import { emit } from '../github-actions/emit.ts';"],
    ['targets/earthfile/x.ts', "import type { Driver } from '../../src/runner/driver.ts';"],
    ['src/host.ts', "import type { Span } from './diagnostics/source.ts';"],
  ])('%s may not: %s', (path, text) => {
    expect(found(path, text)).toEqual([expect.stringContaining('may not import')]);
  });

  test.each([
    ['src/runner/x.ts', "import { readFileSync } from 'node:fs';"],
    ['src/ir/x.ts', "import { run } from 'child_process';"],
    ['src/compile/x.ts', 'const path = process.env.PATH;'],
    ['src/compile/x.ts', "process['exit'](1);"],
    ['src/syntax/x.ts', "console.log('x');"],
    ['src/runner/view/x.ts', 'const now = Date.now();'],
    ['src/runner/view/x.ts', 'const now = new Date();'],
    ['src/runner/x.ts', 'const now = performance.now();'],
    ['targets/earthfile/x.ts', "await fetch('http://localhost');"],
  ])('%s may not touch the world: %s', (path, text) => {
    expect(found(path, text)).toEqual([expect.stringContaining('touches the world')]);
  });

  test.each([
    ['src/ir/x.ts', 'export default 1;', 'default'],
    ['src/ir/x.ts', 'export default function x() {}', 'default'],
    ['src/ir/x.ts', "export * from './ir.ts';", 'barrel'],
    ['src/ir/index.ts', '', 'barrel'],
    ['src/ir/utils.ts', '', 'utils'],
    ['src/ir/string-helpers.ts', '', 'string-helpers'],
    ['src/runner/store-impl.ts', '', 'store-impl'],
    ['src/other/x.ts', '', 'belongs to no part'],
    ['src/ir/x.ts', "import type { Plan } from './ir';", 'extension'],
  ])('%s is refused: %s', (path, text, why) => {
    expect(found(path, text)).toEqual([expect.stringContaining(why)]);
  });

  test.each([
    ['src/cli/x.ts', "import { compile } from '../compile/compile.ts'; process.exit(1);"],
    [
      'src/runner/drivers/sandbox/x.ts',
      "import type { Driver } from '../../driver.ts'; import { readFileSync } from 'node:fs';",
    ],
    ['src/runner/x.ts', "import type { ViewServer } from './fuse/view-server.ts'; const at = new Date(0);"],
    ['src/runner/stores/local/x.ts', "import { rows } from '../local.ts'; Date.now();"],
    ['targets/index.ts', "import { earthfile } from './earthfile/target.ts';"],
    ['src/compile/x.ts', 'export function run(process: { env: string }) { return process.env; }'],
  ])('%s may: %s', (path, text) => {
    expect(found(path, text)).toEqual([]);
  });
});
