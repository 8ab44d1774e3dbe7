import { MachineRefused } from '../../driver.ts';
import type { Call } from './calls.ts';
import { attempt, atWorkingDirectory as here, call, closeOnExec, open } from './calls.ts';
import type { Namespaces } from './namespaces.ts';
import { findPlace, makeGuestDirectory, removeGuestTree } from './guest-files.ts';
import { statCall, statOf, timesOf, type GuestStat } from './guest-stat.ts';
import type { Session } from './session.ts';
import { copyGuestTree } from './tree-copy.ts';
import { isWithin, mustBeCopied } from './view-places.ts';

/** An overlay mount over a destination in the machine. Paths have a character for each byte. Plain JSON. */
export interface ViewMount {
  readonly destination: string;
  /** Directories of the agent's, from the top down; the first is what it writes to. */
  readonly layers: readonly string[];
}

/** What is known of the views of a machine. Plain JSON. */
export interface ViewMounts {
  readonly mounts: readonly ViewMount[];
  /** How many directories were made for them. */
  readonly made: number;
  /** Destinations of views that were copied in. */
  readonly copied?: readonly string[];
  /** Whether what a step writes over the views is told apart from what was written before it: `null`, or why not. */
  readonly mingled?: string | null;
}

/** What a view shows at a path, as the host knows it: a stat in the guest would count as one of the machine's. */
export type Shown = (path: string) => (Pick<GuestStat, 'mode' | 'uid' | 'gid'> & { readonly kind: string }) | null;

export const viewsRoot = '/views';
const openTreeClone = 1;
const fromDescriptor = 4;
const detach = 2;
const noDevices = 4;
const notDirectory = 20;
/** mount(2) takes a page, which ends in a zero. */
const mostOptionBytes = 4095;

/**
 * Puts a view over the machine's files. Each destination has one overlay mount: [view, what was written before, earlier views, what was there at first],
 * flattened, so that overlays never stand on overlays. `copied` where that cannot be: then its files were copied in.
 */
export async function mountView(
  session: Session,
  given: {
    readonly known: ViewMounts;
    readonly namespaces: Namespaces;
    readonly init: number;
    readonly ordinal: number;
    readonly destination: string;
    readonly shown: Shown;
    /** What the directories where views are mounted show for a time, seconds since 1970; null where that is no matter. */
    readonly directorySeconds: number | null;
  },
): Promise<{ readonly how: 'mounted' | 'copied'; readonly known: ViewMounts }> {
  const { known, namespaces, init, ordinal, destination, shown, directorySeconds } = given;
  const view = `${viewsRoot}/${ordinal}`;
  if (!(await isDirectory(session, view))) throw new MachineRefused('the view is not there');
  const destinations = known.mounts.map((mount) => mount.destination);
  if (shown(destination)?.kind !== 'directory' || (await mustBeCopied(session, { destination, destinations, init }))) {
    await copyGuestTree(session, { from: view, to: '/', namespaces });
    return { how: 'copied', known: { ...known, copied: [...(known.copied ?? []), destination] } };
  }
  await namespaces.enterMounts(session);
  await makeRoom(session, destination);
  await namespaces.leaveMounts(session);
  const mounting = new Mounting(session, { known, namespaces });
  await mounting.add({ view, destination, shown, directorySeconds });
  return { how: 'mounted', known: mounting.known };
}

/** Whether a path is a directory; of a view nothing more is seen by it. */
async function isDirectory(session: Session, path: string): Promise<boolean> {
  const fd = (await session.run([attempt('openat', here, path, open.placeNoLink, 0)]))[0]?.value ?? -1;
  if (fd >= 0) session.close(fd);
  return fd >= 0;
}

async function makeRoom(session: Session, destination: string): Promise<void> {
  const stat = statOf((await session.run([statCall(destination)]))[0]);
  if (stat !== null && stat.kind !== 'directory') await removeGuestTree(session, here, destination);
  const place = await findPlace(session, Buffer.from(destination, 'latin1'));
  await makeGuestDirectory(session, place, { mode: 0o775, uid: 0, gid: 0 });
}

/** Puts the mounts of views, and takes them off. */
export class Mounting {
  readonly #session: Session;
  readonly #namespaces: Namespaces;
  readonly #known: ViewMounts;
  #mounts: readonly ViewMount[];
  #made: number;

  constructor(
    session: Session,
    { known, namespaces }: { readonly known: ViewMounts; readonly namespaces: Namespaces },
  ) {
    this.#session = session;
    this.#namespaces = namespaces;
    this.#known = known;
    this.#mounts = known.mounts;
    this.#made = known.made;
  }

  get known(): ViewMounts {
    return { ...this.#known, mounts: this.#mounts, made: this.#made };
  }

  async add({
    view,
    destination,
    shown,
    directorySeconds,
  }: {
    readonly view: string;
    readonly destination: string;
    readonly shown: Shown;
    readonly directorySeconds: number | null;
  }): Promise<void> {
    const time = directorySeconds === null ? null : { seconds: BigInt(directorySeconds), nanoseconds: 0 };
    const before = this.#mounts;
    const same = before.find((mount) => mount.destination === destination);
    const above = before
      .filter((mount) => mount !== same && isWithin(destination, mount.destination))
      .sort((a, b) => b.destination.length - a.destination.length)[0];
    const below = before.filter((mount) => isWithin(mount.destination, destination));
    for (const mount of below) await this.#takeOff(mount, detach);
    const lower =
      same?.layers ?? (above ? await this.#partsOf(above, destination) : [await this.#original(destination)]);
    await this.#put({ destination, layers: [`${view}${destination}`, ...lower], top: shown(destination), time });
    // What lay below comes back over it, the outer before the inner, with what the view has there on top.
    const inner = below.filter((mount) => mount !== same).sort((a, b) => a.destination.length - b.destination.length);
    for (const mount of inner) {
      const path = `${view}${mount.destination}`;
      const top = shown(mount.destination);
      // Whatever is there, and that nothing is, has been looked at: the layers stand on it.
      const there = await isDirectory(this.#session, path);
      if (top !== null && top.kind !== 'directory') continue;
      const layers = there ? [path, ...mount.layers] : mount.layers;
      const attributes = top ?? (await this.#statOf(mount.layers[0]));
      await this.#put({ destination: mount.destination, layers, top: attributes, time });
    }
  }

  /** Takes all mounts off that nobody uses; false where one is in use, and then all are there as before. */
  async takeOffAll(): Promise<boolean> {
    const mounts = inwards(this.#mounts);
    for (const [n, mount] of mounts.toReversed().entries()) {
      if (await this.#takeOff(mount, 0)) continue;
      for (const one of mounts.slice(mounts.length - n)) await this.putBack(one);
      return false;
    }
    return true;
  }

  /** Puts a mount where it was, with layers of its own to write to, or (without `onto`) what it wrote to. It shows the time that it did. */
  async putBack(mount: ViewMount, onto?: 'new'): Promise<void> {
    const { destination, layers } = mount;
    const [upper = '', ...lower] = layers;
    const top = await this.#statOf(upper);
    if (onto === 'new') await this.#put({ destination, layers, top, time: top?.modified ?? null });
    else await this.#put({ destination, layers: lower, top, time: null, upper });
  }

  async #takeOff(mount: ViewMount, flags: number): Promise<boolean> {
    await this.#namespaces.enterMounts(this.#session);
    const [off] = await this.#session.run([attempt('umount2', mount.destination, flags)]);
    await this.#namespaces.leaveMounts(this.#session);
    if (flags === detach || off?.value === 0) this.#mounts = this.#mounts.filter((one) => one !== mount);
    return off?.value === 0;
  }

  /** What the layers of a mount show further down, as overlayfs would put it together. */
  async #partsOf(above: ViewMount, destination: string): Promise<readonly string[]> {
    const rest = destination.slice(above.destination.length).split('/').slice(1);
    const parts: string[] = [];
    for (const layer of above.layers) {
      const paths = [layer, ...rest.map((_, n) => `${layer}/${rest.slice(0, n + 1).join('/')}`)];
      let last = false;
      let there = true;
      // Not further than it is there: nothing else of a view is looked at.
      for (let n = 0; there && n < paths.length; n++) {
        const path = paths[n] ?? layer;
        const mark = attempt('lgetxattr', path, 'trusted.overlay.opaque', { filled: 1 }, 1);
        const [found, opaque] = await this.#session.run([attempt('openat', here, path, open.placeNoLink, 0), mark]);
        const value = found?.value ?? -1;
        if (value >= 0) this.#session.close(value);
        if (value === -notDirectory) return parts;
        there = value >= 0;
        last ||= opaque?.rooms[0]?.toString() === 'y';
      }
      if (there) parts.push(paths.at(-1) ?? layer);
      if (last) break;
    }
    return parts;
  }

  /** What lies at a place of the machine before any view does, bound where it stays in sight. */
  async #original(destination: string): Promise<string> {
    const path = `/run/originals/${++this.#made}`;
    const { enterMounts, leaveMounts } = this.#namespaces;
    await enterMounts(this.#session);
    const tree = await this.#open(call('open_tree', here, destination, openTreeClone | closeOnExec));
    await leaveMounts(this.#session);
    await this.#session.run([
      attempt('mkdirat', here, '/run/originals', 0o700),
      call('mkdirat', here, path, 0o700),
      call('move_mount', tree, '', here, path, fromDescriptor),
      call('close', tree),
    ]);
    return path;
  }

  /** Makes a mount of layers under `upper`, else something new to write to, and puts it at its destination in the machine. */
  async #put(given: {
    readonly destination: string;
    readonly layers: readonly string[];
    readonly top: Pick<GuestStat, 'mode' | 'uid' | 'gid'> | null;
    /** What it shows; null: that of now, or of what it writes to. */
    readonly time: GuestStat['modified'] | null;
    readonly upper?: string;
  }): Promise<void> {
    const { destination, layers, top, time } = given;
    const own = `/disk/layers/${++this.#made}`;
    const upper = given.upper ?? `${own}/upper`;
    await this.#session.run([
      // What is volatile is never worked in twice.
      ...[own, `${own}/work`].map((path) => call('mkdirat', here, path, 0o700)),
      ...(given.upper === undefined ? [call('mkdirat', here, upper, 0o700)] : []),
      call('fchownat', here, upper, top?.uid ?? 0, top?.gid ?? 0, 0),
      call('fchmodat', here, upper, top?.mode ?? 0o755),
      attempt('mkdirat', here, '/run/merged', 0o700),
    ]);
    // Short names for many layers: their descriptors.
    const opened = await this.#session.run(layers.map((layer) => call('openat', here, layer, open.place, 0)));
    const lower = opened.map(({ value }) => value);
    const exact = 'volatile,metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off';
    const options = `upperdir=${upper},workdir=${own}/work,${exact},lowerdir=${lower.join(':')}`;
    if (options.length > mostOptionBytes) throw new MachineRefused(`there are too many views over ${destination}`);
    await this.#session.run([
      call('chdir', '/proc/self/fd'),
      call('mount', 'overlay', '/run/merged', 'overlay', noDevices, options),
      call('chdir', '/'),
      ...lower.map((fd) => call('close', fd)),
    ]);
    if (time !== null) await this.#session.run([call('utimensat', here, upper, timesOf(time), 0)]);
    const merged = await this.#open(call('open_tree', here, '/run/merged', openTreeClone | closeOnExec));
    await this.#session.run([call('umount2', '/run/merged', detach)]);
    await this.#namespaces.enterMounts(this.#session);
    await this.#session.run([call('move_mount', merged, '', here, destination, fromDescriptor), call('close', merged)]);
    await this.#namespaces.leaveMounts(this.#session);
    this.#mounts = [...this.#mounts, { destination, layers: [upper, ...layers] }];
  }

  async #statOf(path = ''): Promise<GuestStat | null> {
    return statOf((await this.#session.run([statCall(path)]))[0]);
  }

  async #open(one: Call): Promise<number> {
    return (await this.#session.run([one]))[0]?.value ?? -1;
  }
}

/** The outer before the inner. */
function inwards(mounts: readonly ViewMount[]): readonly ViewMount[] {
  return [...mounts].sort((a, b) => a.destination.length - b.destination.length);
}
