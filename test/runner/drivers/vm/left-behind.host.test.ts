import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Lab } from './lab.ts';

interface Said {
  readonly pid: number;
  readonly directory: string;
  readonly levels: readonly string[];
}

/** Arguments of every process that names this process id among them: its slirp4netns. */
function namesOf(pid: number): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        return argv[0] === 'slirp4netns' && argv.includes(String(pid)) ? [argv.join(' ')] : [];
      } catch {
        return [];
      }
    });
}

describe('a layer that is killed while it snapshots', () => {
  it('leaves no process, and the snapshots that it had made are whole', { timeout: 300_000 }, async () => {
    const program = fileURLToPath(new URL('./snapshot-for-ever.ts', import.meta.url));
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const said: Said[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      said.push(JSON.parse(line));
      if (said.length === 2) child.kill('SIGKILL');
    }
    await ended;
    const last = said.at(-1);
    if (last === undefined) throw new Error('it said nothing');
    try {
      await expect.poll(() => existsSync(`/proc/${last.pid}`), { timeout: 30_000 }).toBe(false);
      await expect.poll(() => namesOf(last.pid), { timeout: 30_000 }).toEqual([]);
      using lab = await Lab.open(AbortSignal.timeout(200_000));
      await using restored = await lab.restore(last.levels);
      expect(await restored.run('echo well')).toBe('well\n');
      const unfinished = readdirSync(last.directory)
        .filter((name) => name.startsWith('place-'))
        .map((name) => join(last.directory, name))
        .filter((path) => !last.levels.includes(path) && existsSync(join(path, 'pages')));
      for (const path of unfinished.filter((one) => !existsSync(join(one, 'machine.json')))) {
        await expect(lab.restore([...last.levels, path])).rejects.toThrow(/no (whole record|agent\.json)/);
      }
    } finally {
      rmSync(last.directory, { recursive: true, force: true });
    }
  });
});
