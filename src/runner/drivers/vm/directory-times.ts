import { Buffer } from 'node:buffer';
import type { GuestPath } from '../../../host.ts';
import { decodeName } from '../../view/names.ts';
import { attempt, atWorkingDirectory as here, open, pieceBytes } from './calls.ts';
import { listGuestDirectory } from './guest-files.ts';
import { entriesOf, timesOf } from './guest-stat.ts';
import type { Namespaces } from './namespaces.ts';
import type { Session } from './session.ts';
import { viewsRoot, type ViewMounts } from './view-mounts.ts';
import { isWithin } from './view-places.ts';

/** What directories of the repository are to show for a time. */
export interface Dating {
  /** Seconds since 1970. */
  readonly seconds: number;
  /** Whether a path of the machine is a directory in some view. */
  readonly isInViews: (path: GuestPath) => boolean;
}

/** How many directories are looked at together. */
const together = 32;

/**
 * Gives directories of views that the machine holds too (because a step wrote into them, a volume was laid there, or they were copied in), and those on
 * the way to them, this time, as those show it that only views hold: what is written keeps the time of then, whatever the repository has put into the
 * directory since. In a machine that stands still. Nothing of a view is looked at. Why it cannot be, for a person, or null.
 */
export async function dateDirectories(
  session: Session,
  given: { readonly known: ViewMounts; readonly namespaces: Namespaces; readonly dating: Dating },
): Promise<string | null> {
  const { known, namespaces, dating } = given;
  const { mounts, copied = [] } = known;
  const destinations = mounts.map(({ destination }) => destination);
  for (const { destination, layers } of mounts) {
    for (const layer of layers) {
      // What lay there before any view can hold none of theirs, unless views were copied in.
      const isOwn = layer.startsWith('/disk/') || (copied.length > 0 && !layer.startsWith(`${viewsRoot}/`));
      const wrong = isOwn ? await dateTree(session, { at: layer, shown: destination, apart: [], dating }) : null;
      if (wrong !== null) return fault(wrong);
    }
  }
  const all = [...new Set([...destinations, ...copied])];
  const isBare = (one: string): boolean => !destinations.some((above) => isWithin(one, above));
  const bare = copied.filter(isBare);
  await namespaces.enterMounts(session);
  const above = [...new Set(all.flatMap(directoriesAbove))].filter(isBare);
  let wrong = await dateEach(session, above, dating);
  for (const one of new Set(bare)) {
    wrong ??= await dateTree(session, { at: one, shown: one, apart: destinations, dating });
  }
  await namespaces.leaveMounts(session);
  return wrong === null ? null : fault(wrong);
}

function directoriesAbove(path: string): readonly string[] {
  const names = path.split('/').slice(1);
  return path === '/' ? [] : names.map((_, n) => `/${names.slice(0, n).join('/')}`);
}

async function dateEach(session: Session, paths: readonly string[], dating: Dating): Promise<string | null> {
  for (let n = 0; n < paths.length; n += together) {
    const some = paths.slice(n, n + together);
    const found = await dateAndList(session, some, dating);
    const wrong = some.find((_, index) => found[index] === 'undated');
    if (wrong !== undefined) return wrong;
  }
  return null;
}

function fault(path: string): string {
  return `the time of ${Buffer.from(path, 'latin1').toString()} cannot be set`;
}

/** A directory, whatever it is, and those below it that views have as directories, but for what lies in `apart`; the first that cannot be dated, or null. */
async function dateTree(
  session: Session,
  given: {
    /** Where it is for the session, and in the machine. */
    readonly at: string;
    readonly shown: string;
    readonly apart: readonly string[];
    readonly dating: Dating;
  },
): Promise<string | null> {
  const { at, shown, apart, dating } = given;
  const [root, prefix] = [at, shown].map((path) => (path === '/' ? '' : path));
  // Paths below both, from `/` on.
  for (let level = ['']; level.length > 0;) {
    const below: string[] = [];
    for (let n = 0; n < level.length; n += together) {
      const some = level.slice(n, n + together);
      const found = await dateAndList(
        session,
        some.map((path) => root + path || '/'),
        dating,
      );
      for (const [index, path] of some.entries()) {
        const entries = found[index] ?? [];
        if (entries === 'undated') return `${prefix}${path}`;
        for (const { name, isDirectory } of entries) {
          const place = `${prefix}${path}/${name}`;
          if (!isDirectory || apart.includes(place)) continue;
          if (dating.isInViews(decodeName(Buffer.from(place, 'latin1')) as GuestPath)) below.push(`${path}/${name}`);
        }
      }
    }
    level = below;
  }
  return null;
}

/** What each of some directories holds, which show the time from now on; nothing where there is none. */
async function dateAndList(
  session: Session,
  paths: readonly string[],
  { seconds }: Dating,
): Promise<readonly (ReturnType<typeof entriesOf> | 'undated')[]> {
  const times = timesOf({ seconds: BigInt(seconds), nanoseconds: 0 });
  const results = await session.run(
    paths.flatMap((path, n) => [
      attempt('openat', here, path, open.directoryNoLink, 0),
      attempt('utimensat', { resultOf: 4 * n }, '.', times, 0),
      attempt('getdents64', { resultOf: 4 * n }, { filled: pieceBytes }, pieceBytes),
      attempt('close', { resultOf: 4 * n }),
    ]),
  );
  const found: (ReturnType<typeof entriesOf> | 'undated')[] = [];
  for (const [n, path] of paths.entries()) {
    const [opened, dated, listed] = results.slice(4 * n, 4 * n + 3);
    const bytes = listed?.rooms[0] ?? Buffer.alloc(0);
    if ((opened?.value ?? -1) < 0) found.push([]);
    else if (dated?.value !== 0) found.push('undated');
    // It did not come whole.
    else if (bytes.length > pieceBytes / 2) found.push(await listWhole(session, path));
    else found.push(entriesOf(bytes));
  }
  return found;
}

async function listWhole(session: Session, path: string): ReturnType<typeof listGuestDirectory> {
  const [opened] = await session.run([attempt('openat', here, path, open.directoryNoLink, 0)]);
  const fd = opened?.value ?? -1;
  if (fd < 0) return [];
  const entries = await listGuestDirectory(session, fd);
  session.close(fd);
  return entries;
}
