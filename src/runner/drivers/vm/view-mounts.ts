import { MachineRefused } from '../../driver.ts';
import type { Call } from './calls.ts';
import { attempt, atWorkingDirectory as here, call, closeOnExec, open } from './calls.ts';
import type { Namespaces } from './namespaces.ts';
import { findPlace, makeGuestDirectory, removeGuestTree } from './guest-files.ts';
import { statCall, statOf } from './guest-stat.ts';
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
}

const viewsRoot = '/views';
const openTreeClone = 1;
const fromDescriptor = 4;
const detach = 2;
const noDevices = 4;
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
  },
): Promise<{ readonly how: 'mounted' | 'copied'; readonly known: ViewMounts }> {
  const { known, namespaces, init, ordinal, destination } = given;
  const view = `${viewsRoot}/${ordinal}`;
  const [there, top] = await session.run([statCall(view), statCall(`${view}${destination}`)]);
  if (statOf(there) === null) throw new MachineRefused('the view is not there');
  const destinations = known.mounts.map((mount) => mount.destination);
  if (statOf(top)?.kind !== 'directory' || (await mustBeCopied(session, { destination, destinations, init }))) {
    await copyGuestTree(session, { from: view, to: '/', namespaces });
    return { how: 'copied', known };
  }
  await namespaces.enterMounts(session);
  await makeRoom(session, destination);
  await namespaces.leaveMounts(session);
  const mounting = new Mounting(session, { known, namespaces });
  await mounting.add(view, destination);
  return { how: 'mounted', known: mounting.known };
}

async function makeRoom(session: Session, destination: string): Promise<void> {
  const stat = statOf((await session.run([statCall(destination)]))[0]);
  if (stat !== null && stat.kind !== 'directory') await removeGuestTree(session, here, destination);
  const place = await findPlace(session, Buffer.from(destination, 'latin1'));
  await makeGuestDirectory(session, place, { mode: 0o775, uid: 0, gid: 0 });
}

class Mounting {
  readonly #session: Session;
  readonly #namespaces: Namespaces;
  #mounts: readonly ViewMount[];
  #made: number;

  constructor(
    session: Session,
    { known, namespaces }: { readonly known: ViewMounts; readonly namespaces: Namespaces },
  ) {
    this.#session = session;
    this.#namespaces = namespaces;
    this.#mounts = known.mounts;
    this.#made = known.made;
  }

  get known(): ViewMounts {
    return { mounts: this.#mounts, made: this.#made };
  }

  async add(view: string, destination: string): Promise<void> {
    const before = this.#mounts;
    const same = before.find((mount) => mount.destination === destination);
    const above = before
      .filter((mount) => mount !== same && isWithin(destination, mount.destination))
      .sort((a, b) => b.destination.length - a.destination.length)[0];
    const below = before.filter((mount) => isWithin(mount.destination, destination));
    for (const mount of below) await this.#takeOff(mount);
    const lower =
      same?.layers ?? (above ? await this.#partsOf(above, destination) : [await this.#original(destination)]);
    await this.#put(destination, [`${view}${destination}`, ...lower]);
    // What lay below comes back over it, the outer before the inner, with what the view has there on top.
    const inner = below.filter((mount) => mount !== same).sort((a, b) => a.destination.length - b.destination.length);
    for (const mount of inner) {
      const path = `${view}${mount.destination}`;
      const [found] = await this.#session.run([statCall(path)]);
      const stat = statOf(found);
      if (stat !== null && stat.kind !== 'directory') continue;
      await this.#put(mount.destination, stat === null ? mount.layers : [path, ...mount.layers]);
    }
  }

  async #takeOff(mount: ViewMount): Promise<void> {
    await this.#namespaces.enterMounts(this.#session);
    await this.#session.run([attempt('umount2', mount.destination, detach)]);
    await this.#namespaces.leaveMounts(this.#session);
    this.#mounts = this.#mounts.filter((one) => one !== mount);
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
        const [found, opaque] = await this.#session.run([statCall(path), mark]);
        const stat = statOf(found);
        if (stat !== null && stat.kind !== 'directory') return parts;
        there = stat !== null;
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

  /** Makes a mount of layers under something new to write to, and puts it at its destination in the machine. */
  async #put(destination: string, layers: readonly string[]): Promise<void> {
    const own = `/disk/layers/${++this.#made}`;
    const upper = `${own}/upper`;
    const top = statOf((await this.#session.run([statCall(layers[0] ?? '')]))[0]);
    const directories = [own, upper, `${own}/work`].map((path) => call('mkdirat', here, path, 0o700));
    await this.#session.run([
      ...directories,
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
    const merged = await this.#open(call('open_tree', here, '/run/merged', openTreeClone | closeOnExec));
    await this.#session.run([call('umount2', '/run/merged', detach)]);
    await this.#namespaces.enterMounts(this.#session);
    await this.#session.run([call('move_mount', merged, '', here, destination, fromDescriptor), call('close', merged)]);
    await this.#namespaces.leaveMounts(this.#session);
    this.#mounts = [...this.#mounts, { destination, layers: [upper, ...layers] }];
  }

  async #open(one: Call): Promise<number> {
    return (await this.#session.run([one]))[0]?.value ?? -1;
  }
}
