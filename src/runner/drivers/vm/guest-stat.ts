import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import type { Call, Result } from './calls.ts';
import { attempt, atWorkingDirectory, call, noFollow } from './calls.ts';

/** What statx(2) says of a place in the guest. */
export interface GuestStat {
  readonly kind: 'file' | 'directory' | 'link' | 'character' | 'block' | 'pipe' | 'socket';
  /** Permission bits, with set-user-id and its like. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly inode: bigint;
  readonly size: number;
  readonly modified: { readonly seconds: bigint; readonly nanoseconds: number };
  /** Of a device: its number. */
  readonly major: number;
  readonly minor: number;
  /** The file system that it is on; below an overlay mount, also the one that its layer is on. */
  readonly device: string;
  /** Whether something is mounted there. */
  readonly mounted: boolean;
}

const basicFields = 0x7ff;
const statxBytes = 256;
/** STATX_ATTR_MOUNT_ROOT. */
const mountRoot = 0x2000;

/** Asks for a place's stat; no link is followed. May fail. */
export function statCall(path: string, directory = atWorkingDirectory): Call {
  return attempt('statx', directory, path, noFollow, basicFields, { room: statxBytes });
}

/** The same where the place must be there. */
export function knownStatCall(path: string): Call {
  return call('statx', atWorkingDirectory, path, noFollow, basicFields, { room: statxBytes });
}

/** What a stat call found; null where nothing is. */
export function statOf(result: Result | undefined): GuestStat | null {
  const found = result?.rooms[0];
  if (result === undefined || result.value < 0 || found === undefined) return null;
  const mode = found.readUInt16LE(28);
  return {
    kind: kindOf(mode),
    mode: mode & 0o7777,
    uid: found.readUInt32LE(20),
    gid: found.readUInt32LE(24),
    links: found.readUInt32LE(16),
    inode: found.readBigUInt64LE(32),
    size: Number(found.readBigUInt64LE(40)),
    modified: { seconds: found.readBigInt64LE(112), nanoseconds: found.readUInt32LE(120) },
    major: found.readUInt32LE(128),
    minor: found.readUInt32LE(132),
    mounted: (found.readUInt32LE(8) & mountRoot) !== 0,
    device: `${found.readUInt32LE(136)}:${found.readUInt32LE(140)}`,
  };
}

/** What getdents64(2) wrote, without `.` and `..`; names have a character for each byte. */
export function entriesOf(listed: Buffer): readonly { readonly name: string; readonly isDirectory: boolean }[] {
  const entries: { readonly name: string; readonly isDirectory: boolean }[] = [];
  for (let at = 0; at + 19 < listed.length; at += listed.readUInt16LE(at + 16)) {
    const name = listed.toString('latin1', at + 19, listed.indexOf(0, at + 19));
    // A directory holds plain names; what a kernel that was tampered with says instead is nobody's file.
    if (name === '.' || name === '..' || name === '' || name.includes('/')) continue;
    entries.push({ name, isDirectory: listed[at + 18] === directoryType });
  }
  return entries;
}

const directoryType = 4;

/** Two times as utimensat(2) takes them: accessed, modified. */
export function timesOf(time: GuestStat['modified']): Buffer {
  const times = Buffer.alloc(32);
  for (const at of [0, 16]) {
    times.writeBigInt64LE(time.seconds, at);
    times.writeBigInt64LE(BigInt(time.nanoseconds), at + 8);
  }
  return times;
}

function kindOf(mode: number): GuestStat['kind'] {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFDIR:
      return 'directory';
    case constants.S_IFLNK:
      return 'link';
    case constants.S_IFCHR:
      return 'character';
    case constants.S_IFBLK:
      return 'block';
    case constants.S_IFIFO:
      return 'pipe';
    case constants.S_IFSOCK:
      return 'socket';
  }
  return 'file';
}
