import { readFileSync, statfsSync } from 'node:fs';

/** Whether what a file system says of times tells that something is as it was. */
export interface FileTimes {
  /** Whatever touches a file gives it a ctime that it never had. */
  readonly files: boolean;
  /** So does whatever changes the names in a directory, or their kinds, with the directory. */
  readonly directories: boolean;
}

/** File systems by the number that statfs(2) tells; all are in linux/magic.h or in the sources of the file system. */
const types = {
  ...{ ext: 0xef53, xfs: 0x58465342, btrfs: 0x9123683e, tmpfs: 0x01021994, overlay: 0x794c7630, f2fs: 0xf2f52010 },
  ...{ zfs: 0x2fc12fc1, bcachefs: 0xca451a4e },
  ...{ squashfs: 0x73717368, erofs: 0xe0f5e1e2, cramfs: 0x28cd3d45, romfs: 0x7275, iso9660: 0x9660, udf: 0x15013346 },
  ...{ fat: 0x4d44, exfat: 0x2011bab0, fuse: 0x65735546 },
} as const;

const keepsAll: ReadonlySet<number> = new Set([
  ...[types.ext, types.xfs, types.btrfs, types.tmpfs, types.overlay, types.f2fs, types.zfs, types.bcachefs],
]);

/**
 * Images have the times that their maker wrote, often the same in each; FAT and exFAT keep no ctime but show the mtime, which anybody may set; and what
 * FUSE shows is up to a program: of sshfs too, the mtime.
 */
const keepsNone: ReadonlySet<number> = new Set([
  ...[types.squashfs, types.erofs, types.cramfs, types.romfs, types.iso9660, types.udf],
  ...[types.fat, types.exfat, types.fuse],
]);

/** By statfs(2)'s number of a file system. `name`: what mounts call it, asked for where the number is not enough. */
export function fileTimes(type: number, name: () => string): FileTimes {
  // virtiofs has FUSE's number, and hands on what the host's own file system keeps.
  if (keepsNone.has(type)) return { files: type === types.fuse && name() === 'virtiofs', directories: false };
  return { files: true, directories: keepsAll.has(type) };
}

/** What the file system at an absolute path, which holds no link, keeps. Where it cannot be asked, nothing. */
export function fileTimesAt(path: string): FileTimes {
  try {
    return fileTimes(statfsSync(path).type, () => mountType(readFileSync('/proc/self/mountinfo', 'utf8'), path) ?? '');
  } catch {
    return { files: false, directories: false };
  }
}

/** The type of what is mounted at or above a path; the last one mounted lies on top (proc_pid_mountinfo(5)). */
export function mountType(mountinfo: string, path: string): string | null {
  let found: { readonly at: string; readonly type: string } | null = null;
  for (const line of mountinfo.split('\n')) {
    const [mount = '', rest = ''] = line.split(' - ');
    const at = (mount.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_all, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const above = at === '/' || path === at || path.startsWith(`${at}/`);
    if (at === '' || !above || (found !== null && at.length < found.at.length)) continue;
    found = { at, type: rest.split(' ')[0] ?? '' };
  }
  return found?.type ?? null;
}
