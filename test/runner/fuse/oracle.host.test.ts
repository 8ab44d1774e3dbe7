import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { serveDirectory } from './served.ts';
import { readTrace, straceOptions, type Traced } from './strace.ts';

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));
const tsc = fs.realpathSync(path.join(projectRoot, 'node_modules/.bin/tsc'));

/** A small project of several languages, with its history. */
function fill(repository: string): void {
  const file = (name: string, content: string, mode = 0o644) => {
    fs.mkdirSync(path.dirname(`${repository}/${name}`), { recursive: true });
    fs.writeFileSync(`${repository}/${name}`, content, { mode });
  };
  file(
    'package.json',
    JSON.stringify({
      name: 'sample',
      version: '1.2.3',
      type: 'module',
      scripts: { hello: 'node web/hello.js', pretty: './scripts/say.sh' },
    }),
  );
  file(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: { outDir: 'out', rootDir: '.', strict: true, module: 'nodenext', types: [] },
      include: ['web'],
    }),
  );
  for (let index = 0; index < 60; index++) {
    const imported = index === 0 ? '' : `import { value${index - 1} } from './part${index - 1}.js';\n`;
    file(
      `web/parts/part${index}.ts`,
      `${imported}export const value${index}: number = ${index === 0 ? '1' : `value${index - 1} + 1`};\n`,
    );
  }
  file(
    'web/main.ts',
    `import { value59 } from './parts/part59.js';\nimport { shared } from './linked/shared.js';\nexport const all = value59 + shared;\n`,
  );
  file(
    'web/hello.js',
    `import { readFileSync, existsSync } from 'node:fs';\nconsole.log(readFileSync('data/greeting', 'utf8'), existsSync('.env.local'), existsSync('data/empty'));\n`,
  );
  file('common/shared.ts', 'export const shared = 1;\n');
  fs.symlinkSync('../common', `${repository}/web/linked`);
  file('data/greeting', 'hello\n');
  file('data/empty', '');
  fs.symlinkSync('gone', `${repository}/data/dangling`);
  file(
    'native/Makefile',
    'all: sum\nsum: sum.o table.o\n\t$(CC) -o $@ $^\n%.o: %.c table.h\n\t$(CC) -c -o $@ $<\ncheck: sum\n\t./sum < ../data/greeting\n',
  );
  file(
    'native/sum.c',
    '#include <stdio.h>\n#include "table.h"\nint main(void) { int c, s = 0; while ((c = getchar()) != EOF) s += table(c); printf("%d\\n", s); return 0; }\n',
  );
  file('native/table.c', '#include "table.h"\nint table(int c) { return c * 2; }\n');
  file('native/table.h', 'int table(int c);\n');
  file('scripts/say.sh', '#!/bin/sh\n. "$(dirname "$0")/words"\necho "$WORDS"\n', 0o755);
  file('scripts/words', 'WORDS=said\n');
  file('.gitignore', 'out/\n*.o\n');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false', ...args], {
      cwd: repository,
      stdio: 'ignore',
    });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'first');
  file(
    'web/main.ts',
    `import { value59 } from './parts/part59.js';\nimport { shared } from './linked/shared.js';\nexport const all = value59 * shared;\n`,
  );
}

const steps: Readonly<Record<string, { readonly script: string; readonly prints: string }>> = {
  tsc: { script: `${tsc} -p . && ls out/web`, prints: 'main.js' },
  make: {
    script: 'make -C native check && make -C native && touch native/table.h && make -C native check',
    prints: '1084',
  },
  git: {
    script:
      'git -c safe.directory="*" status --short; git -c safe.directory="*" log --oneline -1; git -c safe.directory="*" diff --stat; git -c safe.directory="*" grep -n shared',
    prints: ' M web/main.ts',
  },
  'grep, ls, find': {
    script:
      'grep -rn value1 web | wc -l; ls -lR data scripts; ls; find . -name "*.c" -newer data/greeting; test -e nope/nope || cat data/dangling; wc data/[eg]*',
    prints: 'dangling -> gone',
  },
  npm: {
    script: 'npm run hello --silent; npm run pretty --silent; npm pkg get version; npm ls --offline',
    prints: 'sample@1.2.3',
  },
};

/** What strace says a step depended on, against what was observed of it: the facts that are missing. */
function missing(trace: Traced, seen: ReadonlySet<string>, repository: string): readonly string[] {
  const lacking = new Set<string>();
  const need = (fact: string, why: string): void => void (seen.has(fact) || lacking.add(`${fact} (${why})`));
  const stat = (at: string) => fs.lstatSync(repository + at, { throwIfNoEntry: false });

  /** Walks a path as the kernel does; the file or directory it ends at, null where it ends at nothing of the repository. */
  const walk = (given: string, why: string, followsLast: boolean): string | null => {
    let at = '';
    const names = given.split('/').filter((name) => name !== '' && name !== '.');
    for (let hops = 0; names.length > 0;) {
      const name = names.shift() ?? '';
      if (name === '..') {
        at = path.dirname(at === '' ? '/' : at).replace(/^\/$/, '');
        continue;
      }
      const next = `${at}/${name}`;
      const found = stat(next);
      if (found === undefined) {
        need(`absent ${next}`, why);
        return null;
      }
      need(`entry ${next}`, why);
      if (found.isSymbolicLink() && (names.length > 0 || followsLast)) {
        need(`link ${next}`, why);
        const target = fs.readlinkSync(repository + next);
        if (target.startsWith('/') || ++hops > 40) return null;
        names.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'));
        continue;
      }
      if (!found.isDirectory() && names.length > 0) return null;
      at = next;
    }
    return at === '' ? '/' : at;
  };

  for (const call of trace.calls) {
    const end = walk(call.path, `${call.name} ${call.path}`, call.followsLast);
    if (end === null || end === '/' || trace.written.has(end) || call.error !== null) continue;
    if (call.isStat) need(`attributes ${end}`, `${call.name} ${call.path}`);
    if (call.name.startsWith('readlink')) need(`link ${end}`, call.name);
  }
  for (const file of trace.read) {
    const found = stat(file);
    if (found?.isFile() && !trace.written.has(file)) need(`content ${file}`, 'read');
  }
  for (const directory of trace.listed) if (stat(directory)?.isDirectory()) need(`listing ${directory}`, 'getdents64');
  return [...lacking].sort();
}

test.each(Object.entries(steps))('nothing that strace saw is missing: %s', async (_, { script, prints }) => {
  await using served = await serveDirectory({
    fill,
    view: {
      sources: [
        { path: '' as RepoPath, glob: false },
        { path: '.git' as RepoPath, glob: false },
      ],
    },
  });
  const root = await served.overlay();
  const prefix = `${served.directory}/trace`;
  // A plain environment: nothing of the user's configuration, which would be looked for elsewhere anyway.
  const environment = `env -i PATH=${path.dirname(process.execPath)}:/usr/bin:/bin HOME=${served.directory} npm_config_update_notifier=false`;
  const ran = await served.run(`${environment} strace ${straceOptions.join(' ')} -o ${prefix} bash -c '${script}'`, {
    cwd: root,
  });
  const { observations, fault } = await served.server.cut();
  expect(fault).toBeNull();
  expect(ran, ran.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining(prints) });
  const seen = new Set(observations.map(({ kind, path: at }) => `${kind} ${at}`));

  const trace = readTrace(prefix, root);
  expect(trace.calls.length, ran.stderr).toBeGreaterThan(20);
  expect(missing(trace, seen, served.repository), ran.stderr).toEqual([]);

  const unread = observations
    .filter(({ kind, path: at }) => kind === 'content' && !trace.read.has(at) && !trace.written.has(at))
    .filter(({ path: at }) => fs.statSync(served.repository + at).size > 0)
    .map(({ path: at }) => at);
  expect(unread).toEqual([]);
  console.info(`${trace.calls.length} path calls, ${observations.length} observations: 0 missed, 0 contents added`);
});

test('the oracle itself finds what is missing', async () => {
  await using served = await serveDirectory({ fill });
  const root = await served.overlay();
  const prefix = `${served.directory}/trace`;
  const script =
    'cat data/greeting web/linked/shared.ts none/none data/dangling; ls scripts; stat package.json > /dev/null';
  await served.run(`strace ${straceOptions.join(' ')} -o ${prefix} bash -c '${script}'`, { cwd: root });
  const seen = await served.seen();
  const trace = readTrace(prefix, root);
  expect(missing(trace, new Set(seen), served.repository)).toEqual([]);
  for (const fact of [
    'content /data/greeting',
    'entry /data',
    'link /web/linked',
    'content /common/shared.ts',
    'absent /none',
    'absent /data/gone',
    'listing /scripts',
    'attributes /package.json',
  ]) {
    const others = new Set(seen.filter((line) => line !== fact));
    expect(others.size).toBe(seen.length - 1);
    expect(missing(trace, others, served.repository).join('\n')).toContain(`${fact} (`);
  }
});
