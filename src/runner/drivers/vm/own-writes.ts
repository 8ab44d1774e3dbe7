import type { GuestPath } from '../../../host.ts';
import type { Pruning } from '../../store.ts';
import { decodeName } from '../../view/names.ts';
import { atWorkingDirectory as here, call, open } from './calls.ts';
import { listGuestDirectory, readGuestFile, removeGuestTree } from './guest-files.ts';
import { ask, linksOf, machineGroup, namesIn, processesOf, processName } from './guest-processes.ts';
import { timesOf } from './guest-stat.ts';
import type { Namespaces } from './namespaces.ts';
import type { Session } from './session.ts';
import type { ViewMounts } from './view-mounts.ts';
import { Mounting, viewsRoot } from './view-mounts.ts';
import { isWithin, mountsIn } from './view-places.ts';

interface Standing {
  readonly known: ViewMounts;
  readonly namespaces: Namespaces;
  readonly init: number;
}

/**
 * Has what is written over the views from now on lie in layers of its own, so that it can be told apart later. In a machine that stands still. Where that
 * cannot be, all is as it was, and `mingled` says why.
 */
export async function setApart(session: Session, standing: Standing): Promise<ViewMounts> {
  const { known, namespaces } = standing;
  const mounting = new Mounting(session, { known, namespaces });
  const why = await refusal(session, standing);
  if (why !== null) return { ...known, mingled: why };
  if (!(await mounting.takeOffAll())) return { ...mounting.known, mingled: inUse(known) };
  const left = await mountedStill(session, known);
  for (const mount of known.mounts.toSorted(inwards)) await mounting.putBack(mount, 'new');
  return { ...mounting.known, mingled: left };
}

/** What a machine is given for the files that its views showed when it was saved. */
export interface Renewal {
  /** The names of the mount's root that show the views from now on. */
  readonly nameOf: (ordinal: number) => string;
  /** What becomes of an entry that was written since `setApart`. */
  readonly prune: Pruning;
  /** What directories that views hold show for a time, seconds since 1970; null where that is no matter. */
  readonly directorySeconds: number | null;
}

/**
 * Has a machine that stands still show other files where its views lie, under what it wrote itself since `setApart` and `prune` leaves. Why that cannot be, or
 * null: then the machine is of no use.
 */
export async function renewMounts(
  session: Session,
  standing: Standing & { readonly renewal: Renewal },
): Promise<{ readonly known: ViewMounts } | { readonly why: string }> {
  const { known, namespaces, renewal } = standing;
  if (known.mingled !== null) return { why: known.mingled ?? 'it was kept by an earlier version of layer' };
  const why = await refusal(session, standing);
  if (why !== null) return { why };
  const mounting = new Mounting(session, { known, namespaces });
  if (!(await mounting.takeOffAll())) return { why: inUse(known) };
  const left = await mountedStill(session, known);
  if (left !== null) return { why: left };
  for (const { destination, layers } of known.mounts.toSorted(inwards)) {
    const written = layers.filter((layer) => layer.startsWith('/disk/'));
    for (const [n, layer] of written.entries()) {
      const [directory] = await session.run([call('openat', here, layer, open.directory, 0)]);
      const fd = directory?.value ?? -1;
      const own = n === 0;
      await visit(session, { fd, path: destination === '/' ? '' : destination, renewal, own });
      session.close(fd);
    }
    await mounting.putBack({ destination, layers: layers.map((layer) => renamed(layer, renewal)) });
  }
  return { known: mounting.known };
}

function renamed(layer: string, { nameOf }: Renewal): string {
  if (!layer.startsWith(`${viewsRoot}/`)) return layer;
  const [name = '', ...rest] = layer.slice(viewsRoot.length + 1).split('/');
  return [viewsRoot, nameOf(Number(name.split('.')[0])), ...rest].join('/');
}

/** Takes from a layer what is not wanted (`own`), and gives the directories that views hold their new time: also where only what they show has changed. */
async function visit(
  session: Session,
  given: { readonly fd: number; readonly path: string; readonly renewal: Renewal; readonly own: boolean },
): Promise<void> {
  const { fd, path, renewal, own } = given;
  for (const { name, isDirectory } of await listGuestDirectory(session, fd)) {
    const below = `${path}/${name}`;
    const fate = renewal.prune(
      decodeName(Buffer.from(below, 'latin1')) as GuestPath,
      isDirectory ? 'directory' : 'other',
    );
    if (fate === 'drop' && own) await removeGuestTree(session, fd, name);
    if (fate !== 'open' || !isDirectory) continue;
    const [opened] = await session.run([call('openat', fd, name, open.directoryNoLink, 0)]);
    const inside = opened?.value ?? -1;
    await visit(session, { fd: inside, path: below, renewal, own });
    if (own) await showThrough(session, inside);
    session.close(inside);
  }
  const { directorySeconds } = renewal;
  if (directorySeconds === null) return;
  await session.run([call('utimensat', fd, '.', timesOf({ seconds: BigInt(directorySeconds), nanoseconds: 0 }), 0)]);
}

/** A directory no longer hides what lies below it. */
async function showThrough(session: Session, fd: number): Promise<void> {
  const path = `/proc/self/fd/${fd}/.`;
  const mark = 'trusted.overlay.opaque';
  const found = await session.run([{ ...call('lgetxattr', path, mark, { filled: 1 }, 1), mayFail: true }]);
  if (found[0]?.rooms[0]?.toString() !== 'y') return;
  await session.run([call('lsetxattr', path, mark, Buffer.from('n'), 1, 0)]);
}

/** Why the mounts of views cannot be made anew, for a person; null where nothing is known to stand in the way. */
async function refusal(session: Session, { known, init }: Standing): Promise<string | null> {
  const [copied] = known.copied ?? [];
  if (copied !== undefined)
    return `what a COPY put into ${copied} was copied in while processes used it, or it is all of the machine`;
  if (known.mounts.length === 0) return null;
  const mountinfo = (await readGuestFile(session, `/proc/${init}/mountinfo`)).toString('latin1');
  const mounts = mountsIn(mountinfo);
  const uppers = uppersOf(known);
  const destinations = known.mounts.map(({ destination }) => destination);
  for (const { point, options } of mounts) {
    const at = uppers.findIndex((upper) => options.includes(upper));
    if (at >= 0 && point !== destinations[at]) return `${destinations[at]} is mounted at ${point} as well`;
    if (at < 0 && destinations.some((one) => point !== one && isWithin(point, one))) return `${point} is a mount`;
  }
  const devices = mounts
    .filter(({ options }) => uppers.some((upper) => options.includes(upper)))
    .map(({ device }) => device);
  const groups = new Set(mounts.flatMap(({ group }) => (group === null ? [] : [group])));
  const pids = await processesOf(session, machineGroup);
  const [own] = await linksOf(session, [`/proc/${init}/ns/mnt`]);
  const seen = new Set([own]);
  for (const pid of pids) {
    const name = () => processName(session, pid);
    const [mountsOf = own] = await linksOf(session, [`/proc/${pid}/ns/mnt`]);
    if (!seen.has(mountsOf)) {
      seen.add(mountsOf);
      const theirs = mountsIn((await ask(session, `/proc/${pid}/mountinfo`)) ?? '');
      // What the machine passes on to them should be taken off there too; whether it was is seen then.
      const kept = theirs.filter(
        ({ point, group }) => group === null || !groups.has(group) || !destinations.includes(point),
      );
      const at = uppers.findIndex((upper) => kept.some(({ options }) => options.includes(upper)));
      if (at >= 0) return `${await name()} has mounts of its own, with ${destinations[at]} among them`;
    }
    const descriptors = await namesIn(session, `/proc/${pid}/fd`);
    const used = await linksOf(session, [
      ...[`/proc/${pid}/cwd`, `/proc/${pid}/root`],
      ...descriptors.map((fd) => `/proc/${pid}/fd/${fd}`),
    ]);
    const at = destinations.find((one) => used.some((path) => isWithin(path, one)));
    if (at !== undefined) return `${await name()} uses ${at}`;
    // What is told of changes would be told of none.
    if (!used.some((path) => /inotify|fanotify/.test(path))) continue;
    for (const fd of descriptors) {
      const watched = (await ask(session, `/proc/${pid}/fdinfo/${fd}`)) ?? '';
      const watches = devices.findIndex((device) => new RegExp(`sdev:${device}\\b`).test(watched));
      if (watches >= 0 || /^fanotify/m.test(watched)) return `${await name()} watches for changes of files`;
    }
  }
  return null;
}

function uppersOf({ mounts }: ViewMounts): readonly string[] {
  return mounts.map(({ layers }) => `upperdir=${layers[0]},`);
}

/** Which process still sees a mount of these that was taken off, for a person; null where none does. */
async function mountedStill(session: Session, known: ViewMounts): Promise<string | null> {
  const uppers = uppersOf(known);
  const seen = new Set<string>();
  for (const pid of await processesOf(session, machineGroup)) {
    const [namespace = ''] = await linksOf(session, [`/proc/${pid}/ns/mnt`]);
    if (namespace === '' || seen.has(namespace)) continue;
    seen.add(namespace);
    const mounts = mountsIn((await ask(session, `/proc/${pid}/mountinfo`)) ?? '');
    const at = uppers.findIndex((upper) => mounts.some(({ options }) => options.includes(upper)));
    if (at >= 0)
      return `${await processName(session, pid)} has mounts of its own, with ${known.mounts[at]?.destination} among them`;
  }
  return null;
}

function inUse({ mounts }: ViewMounts): string {
  return `a process uses what lies in ${mounts.map(({ destination }) => destination).join(' or ')}`;
}

function inwards(a: { readonly destination: string }, b: { readonly destination: string }): number {
  return a.destination.length - b.destination.length;
}
