import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run, serveDirectory } from './served.ts';

test('1,000 cuts under readers: nothing is lost, nothing told twice, and what was read before a cut is in it', async () => {
  const count = 4000;
  await using served = await serveDirectory({
    fill(repository) {
      for (let index = 0; index < count; index++) fs.writeFileSync(`${repository}/${index}`, `${index}`);
    },
  });
  const root = await served.overlay();
  const reading = `import os, sys
os.chdir("${root}")
for index in range(int(sys.argv[1]), ${count}, 2):
    with open(str(index)) as file: file.read()
    os.path.exists(f"none{index}")
    print(index, flush=True)`;
  const done = new Set<number>();
  const readers = [0, 1].map((from) => {
    const child = spawn(
      served.enter[0] ?? '',
      [...served.enter.slice(1), '/usr/bin/python3', '-I', '-c', reading, String(from)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let rest = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) done.add(Number(line));
    });
    return new Promise((resolve) => child.on('close', resolve));
  });

  const stepOf = new Map<string, number>();
  let busy = 0;
  for (let step = 0; step < 1000 || done.size < count; step++) {
    const before = [...done];
    const { observations, fault } = await served.server.cut();
    expect(fault).toBeNull();
    if (observations.length > 0) busy++;
    for (const { kind, path } of observations) {
      const fact = `${kind} ${path}`;
      expect(stepOf.has(fact), fact).toBe(false);
      stepOf.set(fact, step);
    }
    const late = before.filter((index) => !stepOf.has(`content /${index}`) || !stepOf.has(`absent /none${index}`));
    expect(late).toEqual([]);
  }
  await Promise.all(readers);
  expect(busy).toBeGreaterThan(100);
  for (const kind of ['entry /', 'content /', 'attributes /', 'absent /none']) {
    expect([...stepOf.keys()].filter((fact) => fact.startsWith(kind) && fact !== kind)).toHaveLength(count);
  }
});

test('commands that come at once are obeyed in order', async () => {
  await using served = await serveDirectory({ fill: (repository) => fs.writeFileSync(`${repository}/a`, 'a') });
  await served.run('cat a');
  const cuts = await Promise.all(Array.from({ length: 50 }, () => served.server.cut()));
  expect(cuts.map(({ observations }) => observations.length > 0)).toEqual([true, ...Array(49).fill(false)]);
});

test.each([
  ['io_uring', 'io-uring.c', ['-O1']],
  ['bare system calls of a static program', 'syscall.c', ['-O1', '-static', '-nostdlib']],
])('a reader by %s', async (name, source, flags) => {
  await using served = await serveDirectory({ fill: (repository) => fs.writeFileSync(`${repository}/a`, 'read\n') });
  const program = `${served.directory}/reader`;
  const built = await run(['gcc', ...flags, '-o', program, fileURLToPath(new URL(source, import.meta.url))]);
  expect(built.code, built.stderr).toBe(0);
  const root = await served.overlay();
  const ran = await served.run(`${program} a`, { cwd: root });
  if (ran.code === 77) return console.info(`${name}: not on this host`);
  expect(ran).toMatchObject({ code: 0, stdout: 'read\n' });
  expect(await served.seen()).toEqual(['attributes /a', 'content /a', 'entry /a']);
});
