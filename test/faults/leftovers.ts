import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { execFileSync } from 'node:child_process';

/** What still has to do with a directory: processes that name it, work in it, or see mounts of it; loop devices on its files. */
export function leftovers(directory: string): readonly string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    const name = text(`/proc/${pid}/comm`).trim();
    if (text(`/proc/${pid}/cmdline`).includes(directory)) found.push(`process ${pid} (${name}) was started with it`);
    else if (['cwd', 'root', 'exe'].some((link) => target(`/proc/${pid}/${link}`).startsWith(directory)))
      found.push(`process ${pid} (${name}) is in it`);
    else if (text(`/proc/${pid}/mountinfo`).includes(directory))
      found.push(`process ${pid} (${name}) has mounts of it`);
  }
  const loops = execFileSync('losetup', ['--list', '--noheadings', '--output', 'NAME,BACK-FILE'], { encoding: 'utf8' });
  found.push(...loops.split('\n').filter((line) => line.includes(directory)));
  return found;
}

/** The same, once what is ending has had the time to: ten seconds at most. */
export async function lastingLeftovers(directory: string): Promise<readonly string[]> {
  for (let waited = 0; waited < 10_000; waited += 100) {
    if (leftovers(directory).length === 0) return [];
    await sleep(100);
  }
  return leftovers(directory);
}

/** Control groups of processes that are no more. */
export function orphanedCgroups(pids: ReadonlySet<number>): readonly string[] {
  const roots = text('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4] ?? '');
  return roots
    .flatMap((root) => groupsBelow(root, 3))
    .filter((path) => pids.has(Number(/\/layer-(\d+)-[^/]*$/.exec(path)?.[1])));
}

function groupsBelow(root: string, depth: number): readonly string[] {
  if (depth === 0) return [];
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => [`${root}/${name}`, ...groupsBelow(`${root}/${name}`, depth - 1)]);
  } catch {
    return [];
  }
}

/** Processes below one, by name; a process in another PID namespace shows with its number here. */
export function descendants(
  pid: number,
): readonly { readonly pid: number; readonly name: string; readonly command: string }[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((one) => /^[0-9]+$/.test(one))) {
    const stat = text(`/proc/${name}/stat`);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
  }
  const below = (one: number): readonly number[] =>
    (parents.get(one) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid).map((one) => ({
    pid: one,
    name: text(`/proc/${one}/comm`).trim(),
    command: text(`/proc/${one}/cmdline`).replaceAll('\0', ' '),
  }));
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function target(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
