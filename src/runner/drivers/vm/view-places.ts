import { descriptorsOf, linksOf, machineGroup, processesOf } from './guest-processes.ts';
import { readGuestFile } from './guest-files.ts';
import type { Session } from './session.ts';

/** Whether a path lies below another, or is it. */
export function isWithin(path: string, above: string): boolean {
  return path === above || path.startsWith(above === '/' ? above : `${above}/`);
}

/** Whether a view cannot be mounted over a destination: it is the root, a process uses it, or it holds mounts that an overlay would hide. */
export async function mustBeCopied(
  session: Session,
  given: {
    readonly destination: string;
    /** Where views are mounted. */
    readonly destinations: readonly string[];
    readonly init: number;
  },
): Promise<boolean> {
  const { destination, destinations, init } = given;
  if (destination === '/') return true;
  const mountinfo = (await readGuestFile(session, `/proc/${init}/mountinfo`)).toString('latin1');
  const hidden = mountPoints(mountinfo).filter((point) => point !== destination && isWithin(point, destination));
  if (hidden.some((point) => !destinations.includes(point))) return true;
  const pids = await processesOf(session, machineGroup);
  const places = pids.flatMap((pid) => [`/proc/${pid}/cwd`, `/proc/${pid}/root`]);
  const used = [...(await linksOf(session, places)), ...(await descriptorsOf(session, pids))];
  return used.some((path) => isWithin(path, destination));
}

/** Mount points of /proc/PID/mountinfo (proc(5)), with what it writes as octal as it is. */
export function mountPoints(mountinfo: string): readonly string[] {
  return mountsIn(mountinfo).map(({ point }) => point);
}

/** A mount of /proc/PID/mountinfo. */
export interface Mount {
  readonly point: string;
  /** As fdinfo writes it: hexadecimal. */
  readonly device: string;
  /** The file system's own; they end in a comma. */
  readonly options: string;
  /** The group from which it gets, or to which it passes on, what is mounted and taken off; null where none. */
  readonly group: string | null;
}

/** The mounts that a process sees. */
export function mountsIn(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const words = line.split(' ');
    const [, , device = '', , point] = words;
    if (point === undefined) return [];
    const [major = 0, minor = 0] = device.split(':').map(Number);
    const group = /^(?:shared|master):(.*)$/.exec(words.slice(6, words.indexOf('-')).join(' ').split(' ')[0] ?? '');
    const number = (major * 2 ** 20 + minor).toString(16);
    return [{ point: plain(point), device: number, options: `${words.at(-1)},`, group: group?.[1] ?? null }];
  });
}

function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
