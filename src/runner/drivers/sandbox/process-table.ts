import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** When a process began, in clock ticks since boot: with its id, it names a process for good. Null where there is none. */
export function startTime(pid: number): string | null {
  const text = read(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything; field 22 is the 20th after its end.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

/** A process's name for messages. */
export function processName(pid: number): string {
  const argv = read(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  const comm = read(`/proc/${pid}/comm`)?.trim() ?? '';
  const first = argv[0]?.split('/').at(-1) ?? '';
  return first === '' ? comm || `process ${pid}` : first;
}

/** Processes of a session of the PID namespace that `anchor` began, where no control group lists them; `session` as that namespace numbers it. */
export function sessionProcesses(anchor: number, session: string): readonly number[] {
  const namespace = link(`/proc/${anchor}/ns/pid`);
  return list('/proc')
    .filter((pid) => /^\d+$/.test(pid) && link(`/proc/${pid}/ns/pid`) === namespace)
    .filter((pid) => /^NSsid:.*\s(\d+)$/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1] === session)
    .map(Number);
}

/** TCP ports that the given processes listen on, ascending; `anchor` is any process of their network namespace. */
export function listeningPorts(anchor: number, pids: readonly number[]): readonly number[] {
  const portBySocket = new Map<string, number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of (read(`/proc/${anchor}/net/${table}`) ?? '').split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      const port = Number.parseInt(columns[1]?.split(':').at(-1) ?? '', 16);
      if (columns[3] === '0A' && columns[9] !== undefined) portBySocket.set(`socket:[${columns[9]}]`, port);
    }
  }
  const ports = new Set<number>();
  for (const pid of pids) {
    for (const descriptor of list(`/proc/${pid}/fd`)) {
      const port = portBySocket.get(link(`/proc/${pid}/fd/${descriptor}`));
      if (port !== undefined) ports.add(port);
    }
  }
  return [...ports].sort((a, b) => a - b);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
