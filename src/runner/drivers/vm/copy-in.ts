import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { MachineRefused } from '../../driver.ts';
import type { Call } from './calls.ts';
import {
  attempt,
  atWorkingDirectory as here,
  call,
  CallFailed,
  closeOnExec,
  joined,
  noFollow,
  open,
  pieceBytes,
} from './calls.ts';
import { removeGuestTree } from './guest-files.ts';
import { timesOf } from './guest-stat.ts';
import type { Session } from './session.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-reader.ts';

/** How much is gathered before it goes to the guest. */
const togetherBytes = 1 << 18;
const mostCalls = 1024;

/** RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH of openat2(2). */
const beneath = 0x04 | 0x08;

/** Unpacks a tar archive (pax or GNU) into a directory of a session's machine, over what is there. No link is followed, nothing leads out. */
export async function unpackGuestTree(
  session: Session,
  given: { readonly at: string; readonly archive: AsyncIterable<Uint8Array> },
): Promise<void> {
  const [root] = await session.run([call('openat', here, given.at, open.directory, 0)]);
  const reader = new TarReader(given.archive);
  const unpacking = new Unpacking(session, root?.value ?? -1);
  for (let entry = await reader.next(); entry !== null; entry = await reader.next()) {
    await unpacking.add(entry, reader);
  }
  await unpacking.finish();
}

/** An entry's calls, in a directory that is the working one; `name` is what they make. */
interface Step {
  readonly parent: string;
  readonly name: string;
  readonly calls: readonly Call[];
}

class Unpacking {
  readonly #session: Session;
  readonly #root: number;
  /** Steps that have not been done yet. */
  #steps: Step[] = [];
  #bytes = 0;
  #calls = 0;
  /** The working directory, below the root; null before the first. */
  #inside: string | null = null;
  /** Directories get their times last: what comes into them would change those. */
  readonly #directories: { readonly parent: string; readonly name: string; readonly times: Buffer }[] = [];

  constructor(session: Session, root: number) {
    this.#session = session;
    this.#root = root;
  }

  async add(entry: TarEntry, reader: TarReader): Promise<void> {
    const path = placeOf(entry.path);
    if (path === null) return;
    const { parent, name } = path;
    const times = timesOf(entry.modified);
    switch (entry.type) {
      case 'hard link': {
        const target = placeOf(entry.target);
        if (target === null) throw new MachineRefused('the archive has a link to its root');
        await this.#linkTo(target, path);
        return;
      }
      case 'directory':
        this.#directories.push({ parent, name, times });
        await this.#step({ parent, name, calls: directoryCalls(name, entry) });
        return;
      case 'link':
        await this.#step({
          ...{ parent, name },
          calls: [fresh(name), call('symlinkat', entry.target, here, name), ...finishing(name, entry)],
        });
        return;
      case 'character':
      case 'block':
      case 'pipe': {
        const kind = { character: constants.S_IFCHR, block: constants.S_IFBLK, pipe: constants.S_IFIFO }[entry.type];
        const device = deviceNumber(entry);
        await this.#step({
          ...{ parent, name },
          calls: [fresh(name), call('mknodat', here, name, kind | 0o600, device), ...finishing(name, entry)],
        });
        return;
      }
      case 'file':
        await this.#file({ entry, parent, name }, reader);
    }
  }

  async finish(): Promise<void> {
    await this.#flush();
    for (const { parent, name, times } of this.#directories.reverse()) {
      await this.#enter(parent);
      await this.#session.run([call('utimensat', here, name, times, noFollow)]);
    }
  }

  async #file(
    { entry, parent, name }: { readonly entry: TarEntry; readonly parent: string; readonly name: string },
    reader: TarReader,
  ): Promise<void> {
    const opened = [fresh(name), call('openat', here, name, open.create, 0o600)];
    if (entry.size <= pieceBytes) {
      const chunks: Buffer[] = [];
      for await (const chunk of reader.content(entry.size, pieceBytes)) chunks.push(chunk);
      const content = Buffer.concat(chunks);
      const file = { resultOf: 1 };
      const written = content.length === 0 ? [] : [call('write', file, content, content.length)];
      await this.#step({
        parent,
        name,
        calls: [...opened, ...written, call('close', file), ...finishing(name, entry)],
      });
      return;
    }
    await this.#flush();
    const results = await this.#do({ parent, name, calls: opened });
    const fd = results[1]?.value ?? -1;
    // One piece is on its way while the next one is gathered.
    let writing: Promise<unknown> = Promise.resolve();
    for await (const chunk of reader.content(entry.size, pieceBytes * 2)) {
      await writing;
      writing = this.#session.run([call('write', fd, chunk, chunk.length)]);
      writing.catch(() => {});
    }
    await writing;
    await this.#session.run([call('close', fd), ...finishing(name, entry)]);
  }

  async #linkTo(target: Place, { parent, name }: Place): Promise<void> {
    await this.#flush();
    await this.#enter(target.parent);
    const [from] = await this.#session.run([call('openat', here, '.', open.place, 0)]);
    const fd = from?.value ?? -1;
    await this.#do({ parent, name, calls: [fresh(name), call('linkat', fd, target.name, here, name, 0)] });
    await this.#session.call('close', fd);
  }

  async #step(step: Step): Promise<void> {
    this.#steps.push(step);
    this.#calls += step.calls.length;
    for (const one of step.calls) for (const given of one.arguments) this.#bytes += sizeOf(given);
    if (this.#bytes >= togetherBytes || this.#calls >= mostCalls) await this.#flush();
  }

  /** Does what was gathered: as much as is in one directory at a time. Where a step fails, it is done alone, with what is in its way removed. */
  async #flush(): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    this.#bytes = this.#calls = 0;
    for (let at = 0; at < steps.length;) {
      const parent = steps[at]?.parent ?? '';
      let end = at;
      while (steps[end]?.parent === parent) end++;
      await this.#enter(parent);
      at += await this.#together(steps.slice(at, end));
      const next = steps[at];
      if (at < end && next !== undefined) {
        await this.#do(next);
        at++;
      }
    }
  }

  /** How many of these steps, all in the working directory, were done before one failed. */
  async #together(steps: readonly Step[]): Promise<number> {
    let calls = 0;
    const firsts = steps.map((step) => (calls += step.calls.length) - step.calls.length);
    const batch = joined(...steps.map((step) => step.calls));
    try {
      await this.#session.run(batch);
      return steps.length;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      return firsts.findLastIndex((first) => first <= error.at);
    }
  }

  async #do(step: Step): ReturnType<Session['run']> {
    await this.#enter(step.parent);
    try {
      return await this.#session.run(step.calls);
    } catch (error) {
      // Something of another kind is there; what is left of a first attempt goes with it.
      if (!(error instanceof CallFailed) || !inTheWay.includes(error.code)) throw error;
      await this.#remove(step.name);
      return await this.#session.run(step.calls);
    }
  }

  async #remove(name: string): Promise<void> {
    const [here_] = await this.#session.run([call('openat', here, '.', open.place, 0)]);
    const fd = here_?.value ?? -1;
    await removeGuestTree(this.#session, fd, name);
    await this.#session.call('close', fd);
  }

  /** Makes a directory below the root the working one; it and those above it are made where they are missing, or something else is there. */
  async #enter(parent: string): Promise<void> {
    if (this.#inside === parent) return;
    this.#inside = null;
    if (parent === '') {
      await this.#session.run([call('fchdir', this.#root)]);
    } else {
      try {
        await this.#session.run(enteringCalls(this.#root, parent));
      } catch (error) {
        if (!(error instanceof CallFailed) || !['ENOENT', 'ENOTDIR', 'ELOOP'].includes(error.code)) throw error;
        await this.#makeAbove(parent);
      }
    }
    this.#inside = parent;
  }

  async #makeAbove(parent: string): Promise<void> {
    const { parent: above, name } = splitPlace(parent);
    await this.#enter(above);
    const [made] = await this.#session.run([attempt('mkdirat', here, name, 0o755)]);
    if (made !== undefined && made.value < 0) {
      await this.#remove(name);
      await this.#session.run([call('mkdirat', here, name, 0o755)]);
    }
    await this.#session.run(enteringCalls(this.#root, parent));
  }
}

const inTheWay = ['EEXIST', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENXIO'];

function enteringCalls(root: number, parent: string): readonly Call[] {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(open.directoryNoLink), 0);
  how.writeBigUInt64LE(BigInt(beneath), 16);
  const directory = { resultOf: 0 };
  return [call('openat2', root, parent, how, how.length), call('fchdir', directory), call('close', directory)];
}

interface Place {
  /** Below the root; nothing: the root. */
  readonly parent: string;
  readonly name: string;
}

/** Where an entry of an archive goes; null: the root itself. Throws where it would lead out. */
function placeOf(path: string): Place | null {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new MachineRefused('the archive has a path with ..');
  return parts.length === 0 ? null : splitPlace(parts.join('/'));
}

function splitPlace(path: string): Place {
  const slash = path.lastIndexOf('/');
  return { parent: path.slice(0, Math.max(0, slash)), name: path.slice(slash + 1) };
}

/** Takes away what is at a name, unless it is a directory. */
function fresh(name: string): Call {
  return attempt('unlinkat', here, name, 0);
}

function directoryCalls(name: string, entry: TarEntry): readonly Call[] {
  const directory = { resultOf: 1 };
  return [
    attempt('mkdirat', here, name, 0o700),
    call('openat', here, name, constants.O_DIRECTORY | constants.O_NOFOLLOW | closeOnExec, 0),
    call('close', directory),
    ...finishing(name, entry),
  ];
}

/** Owner before mode: a change of owner takes set-user-id away. */
function finishing(name: string, entry: TarEntry): readonly Call[] {
  return [
    call('fchownat', here, name, entry.uid, entry.gid, noFollow),
    ...(entry.type === 'link' ? [] : [call('fchmodat', here, name, entry.mode)]),
    ...entry.attributes.map((one) => call('lsetxattr', name, one.name, one.value, one.value.length, 0)),
    ...(entry.type === 'directory' ? [] : [call('utimensat', here, name, timesOf(entry.modified), noFollow)]),
  ];
}

/** makedev(3), as the kernel takes it. */
function deviceNumber({ major, minor }: TarEntry): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

function sizeOf(argument: Call['arguments'][number]): number {
  return typeof argument === 'string' || argument instanceof Uint8Array ? argument.length : 8;
}
