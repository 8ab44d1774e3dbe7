import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOrphan, ownedName } from './owner.ts';

/** Where control groups can be made on this host, by what they are needed for; null where that cannot be had. */
export interface Hierarchies {
  /** Follows processes, freezes and kills them. */
  readonly tracking: { readonly version: 1 | 2; readonly root: string } | null;
  /** Bounds memory. */
  readonly memory: { readonly version: 1 | 2; readonly root: string } | null;
}

/** Reads which hierarchies are mounted (`mountinfo` of proc(5)), preferring version 2. Whether one can be written shows only when it is tried. */
export function findHierarchies(mountinfo: string): Hierarchies {
  let unified: string | null = null;
  let freezer: string | null = null;
  let memory: string | null = null;
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ');
    const target = left?.split(' ')[4];
    const [type, , options] = right?.split(' ') ?? [];
    if (target === undefined) continue;
    if (type === 'cgroup2') unified ??= target;
    if (type === 'cgroup' && options?.split(',').includes('freezer') === true) freezer ??= target;
    if (type === 'cgroup' && options?.split(',').includes('memory') === true) memory ??= target;
  }
  const version2 = unified === null ? null : ({ version: 2, root: unified } as const);
  return {
    tracking: version2 ?? (freezer === null ? null : { version: 1, root: freezer }),
    memory: memory === null ? version2 : { version: 1, root: memory },
  };
}

/** Whether groups can really be made, so that processes can be told apart and stopped. */
export function canFollowProcesses({ tracking }: Hierarchies): boolean {
  const made = create(tracking, ownedName());
  return made !== null && removeGroup(made.directory);
}

/** The processes that one command started, however they were reparented. */
export interface Group {
  /** `cgroup.procs` files that a process joins by writing `0`. */
  readonly join: readonly string[];
  /** Process ids on the host; empty where nothing follows them. */
  processes(): readonly number[];
  kill(): void;
  /** Takes the group away if it is empty; whether it is gone. */
  remove(): boolean;
}

/** A machine's control groups. Every part works on without them, as far as it can. */
export class MachineCgroups {
  readonly #tracking: { readonly version: 1 | 2; readonly directory: string } | null;
  readonly #memory: { readonly version: 1 | 2; readonly directory: string } | null;

  constructor(hierarchies: Hierarchies, name: string) {
    this.#tracking = create(hierarchies.tracking, name);
    const memory = hierarchies.memory;
    if (memory?.version === 2) allow(join(memory.root, 'cgroup.subtree_control'), '+memory');
    this.#memory = create(memory, name);
  }

  /** Whether live processes can be told apart and stopped: what a snapshot of a machine with a RUN BACKGROUND needs. */
  get canFreeze(): boolean {
    return this.#tracking !== null;
  }

  /** Sets the most memory that all processes may use; false where this host cannot. Swap does not stand in for it. */
  limitMemory(bytes: number): boolean {
    const memory = this.#memory;
    if (memory === null) return false;
    const [limit, swap] =
      memory.version === 2
        ? ['memory.max', ['memory.swap.max', '0']]
        : ['memory.limit_in_bytes', ['memory.memsw.limit_in_bytes', String(bytes)]];
    if (!existsSync(join(memory.directory, limit as string))) return false;
    const done = allow(join(memory.directory, limit as string), String(bytes));
    allow(join(memory.directory, swap[0] ?? ''), swap[1] ?? '');
    return done;
  }

  /** How many processes the kernel has killed for want of memory. */
  memoryKills(): number {
    if (this.#memory === null) return 0;
    const file = this.#memory.version === 2 ? 'memory.events' : 'memory.oom_control';
    return Number(/^oom_kill (\d+)$/m.exec(readText(join(this.#memory.directory, file)))?.[1] ?? 0);
  }

  group(name: string): Group {
    const memory = this.#memory;
    const tracking = this.#tracking;
    // In one hierarchy of version 2 the tracking group lies below the one that bounds memory.
    const bounded =
      memory !== null && memory.directory !== tracking?.directory ? [join(memory.directory, 'cgroup.procs')] : [];
    if (tracking === null) return { join: bounded, processes: () => [], kill: () => {}, remove: () => true };
    const directory = join(tracking.directory, name);
    mkdirSync(directory, { recursive: true });
    return {
      join: [join(directory, 'cgroup.procs'), ...bounded],
      processes: () => processesIn(directory),
      kill: () => killGroup(directory),
      remove: () => removeGroup(directory),
    };
  }

  /** Stops every process of the machine; resolves when all have stopped. Rejects when they have not within 20 s. */
  async freeze(): Promise<void> {
    await setFrozen(this.#tracking, true);
  }

  async thaw(): Promise<void> {
    await setFrozen(this.#tracking, false);
  }

  /** Kills what is left and takes the groups away. */
  async remove(): Promise<void> {
    await this.thaw().catch(() => {});
    for (const part of [this.#tracking, this.#memory]) {
      if (part !== null) await clear(part.directory);
    }
  }
}

/** Takes away the groups that processes which are no more have left. */
export async function sweepCgroups(hierarchies: Hierarchies): Promise<void> {
  for (const part of [hierarchies.tracking, hierarchies.memory]) {
    for (const name of part === null ? [] : directoriesIn(part.root)) {
      if (part === null || !isOrphan(name)) continue;
      if (part === hierarchies.tracking)
        await setFrozen({ ...part, directory: join(part.root, name) }, false).catch(() => {});
      await clear(join(part.root, name));
    }
  }
}

function create(hierarchy: Hierarchies['tracking'], name: string): { version: 1 | 2; directory: string } | null {
  if (hierarchy === null) return null;
  const directory = join(hierarchy.root, name);
  try {
    mkdirSync(directory, { recursive: true });
    return { version: hierarchy.version, directory };
  } catch {
    return null;
  }
}

async function setFrozen(
  part: { readonly version: 1 | 2; readonly directory: string } | null,
  frozen: boolean,
): Promise<void> {
  if (part === null) return;
  const [file, value] =
    part.version === 2 ? ['cgroup.freeze', frozen ? '1' : '0'] : ['freezer.state', frozen ? 'FROZEN' : 'THAWED'];
  const deadline = Date.now() + 20_000;
  writeFileSync(join(part.directory, file), value);
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    const is =
      part.version === 2
        ? readText(join(part.directory, 'cgroup.events')).includes('frozen 1')
        : readText(join(part.directory, file)).trim() === 'FROZEN';
    if (is === frozen) return;
    if (Date.now() > deadline) throw new Error(`its processes do not ${frozen ? 'stop' : 'go on'}`);
    if (part.version === 1) writeFileSync(join(part.directory, file), value);
    await sleep(waitMs);
  }
}

async function clear(directory: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    killGroup(directory);
    if (removeGroup(directory)) return;
    await sleep(Math.min(5 + attempt, 50));
  }
}

function killGroup(directory: string): void {
  if (allow(join(directory, 'cgroup.kill'), '1')) return;
  for (const pid of processesIn(directory)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      continue;
    }
  }
}

function removeGroup(directory: string): boolean {
  for (const name of directoriesIn(directory)) removeGroup(join(directory, name));
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return !existsSync(directory);
  }
}

function processesIn(directory: string): readonly number[] {
  const own = readText(join(directory, 'cgroup.procs'))
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
  return [...own, ...directoriesIn(directory).flatMap((name) => processesIn(join(directory, name)))];
}

function directoriesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function allow(file: string, value: string): boolean {
  try {
    if (!existsSync(file)) return false;
    writeFileSync(file, value);
    return true;
  } catch {
    return false;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
