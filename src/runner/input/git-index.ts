import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RepoPath } from '../../host.ts';
import { decodeName } from '../view/names.ts';
import type { DiskStat } from './disk.ts';
import { isSystemError } from './disk.ts';
import type { Git } from './git.ts';

/** git's own knowledge of which files are what it has; read when first asked. */
export interface GitIndex {
  /** The blob hash of a file whose bytes are git's, provided that nothing raises a doubt; else null. */
  find(path: RepoPath, stat: DiskStat): string | null;
}

/** One stage-0 entry of the index without any flag that weakens it. Numbers are cut to 32 bits, as git does. */
export interface IndexEntry {
  readonly ctimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly device: number;
  readonly inode: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly digest: string;
}

/** A file touched this shortly before the index was written may have been touched again within the clock's step. */
const clockStepNs = 20_000_000n;

/** Bytes of a file are the blob's only where nothing converts them: no attribute that could, or explicitly binary. */
const untouched = '!filter !ident !working-tree-encoding';
const plainPathspec = `:(attr:!text !eol !crlf ${untouched})`;
const binaryPathspec = `:(attr:-text ${untouched})`;

/** The index of the working tree that holds `root`, which is `git`'s directory too. */
export function createGitIndex(given: { readonly git: Git; readonly root: string }): GitIndex {
  let loaded: Loaded | null | undefined;
  return {
    find(path, stat) {
      if (loaded === undefined) loaded = load(given);
      const entry = loaded?.entries.get(path);
      if (loaded === null || entry === undefined) return null;
      return matches({ entry, stat, writtenNs: loaded.writtenNs }) ? entry.digest : null;
    },
  };
}

interface Loaded {
  readonly entries: ReadonlyMap<string, IndexEntry>;
  /** When the index was written. */
  readonly writtenNs: bigint;
}

function load({ git, root }: Parameters<typeof createGitIndex>[0]): Loaded | null {
  const about = git.runSync(['rev-parse', '--show-prefix', '--show-object-format', '--git-path', 'index']);
  const [prefix, format, file] = decodeName(about.stdout).split('\n');
  if (about.code !== 0 || prefix === undefined || format !== 'sha1' || file === undefined) return null;
  const read = readIndexFile(resolve(root, file));
  const parsed = read === null ? null : parseIndex(read.bytes);
  if (read === null || parsed === null) return null;
  const conversion = git.runSync(['config', '--get', 'core.autocrlf']).stdout.toString('utf8').trim();
  const converts = conversion !== '' && conversion !== 'false';
  const pathspecs = converts ? [binaryPathspec] : [plainPathspec, binaryPathspec];
  const listed = git.runSync(['ls-files', '-z', '--cached', '--', ...pathspecs]);
  if (listed.code !== 0) return null;
  const entries = new Map<string, IndexEntry>();
  for (const path of splitNul(listed.stdout)) {
    const entry = parsed.get(prefix + path);
    if (entry !== undefined) entries.set(path, entry);
  }
  return { entries, writtenNs: read.writtenNs };
}

function readIndexFile(file: string): { readonly bytes: Buffer; readonly writtenNs: bigint } | null {
  try {
    const fd = openSync(file, 'r');
    try {
      return { writtenNs: fstatSync(fd, { bigint: true }).mtimeNs, bytes: readFileSync(fd) };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

function matches(given: { readonly entry: IndexEntry; readonly stat: DiskStat; readonly writtenNs: bigint }): boolean {
  const { entry, stat, writtenNs } = given;
  const low = (value: bigint) => Number(BigInt.asUintN(32, value));
  return (
    stat.kind === 'file' &&
    entry.mtimeNs === stat.mtimeNs &&
    entry.ctimeNs === stat.ctimeNs &&
    entry.mtimeNs + clockStepNs < writtenNs &&
    entry.ctimeNs + clockStepNs < writtenNs &&
    entry.sizeBytes === low(BigInt(stat.sizeBytes)) &&
    entry.inode === low(stat.inode) &&
    entry.device === low(stat.device) &&
    entry.uid === low(stat.uid) &&
    entry.gid === low(stat.gid) &&
    (entry.mode & 0o170000) === 0o100000 &&
    ((entry.mode & 0o111) !== 0) === stat.executable
  );
}

/**
 * Reads an index of version 2, 3 or 4 with SHA-1 (git's Documentation/gitformat-index). Entries of other stages, assume-unchanged, skip-worktree
 * and intent-to-add are left out. Null where it is anything else: damaged, split, or of a format not known.
 */
export function parseIndex(bytes: Buffer): ReadonlyMap<string, IndexEntry> | null {
  if (bytes.length < 32 || bytes.toString('latin1', 0, 4) !== 'DIRC') return null;
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4) return null;
  const end = bytes.length - 20;
  const trailer = bytes.subarray(end);
  // With index.skipHash git writes zeros.
  if (!trailer.every((byte) => byte === 0) && !hash('sha1', bytes.subarray(0, end), 'buffer').equals(trailer))
    return null;

  const entries = new Map<string, IndexEntry>();
  const count = bytes.readUInt32BE(8);
  let at = 12;
  let previous = Buffer.alloc(0);
  for (let index = 0; index < count; index += 1) {
    if (at + 62 > end) return null;
    const word = (offset: number) => bytes.readUInt32BE(at + offset);
    const flags = bytes.readUInt16BE(at + 60);
    const extended = version > 2 && (flags & 0x4000) !== 0;
    const more = extended ? bytes.readUInt16BE(at + 62) : 0;
    let nameAt = at + (extended ? 64 : 62);
    let keep = 0;
    if (version === 4) {
      const strip = readVarint(bytes, nameAt);
      nameAt = strip.next;
      keep = previous.length - strip.value;
    }
    const nul = bytes.indexOf(0, nameAt);
    if (nul < 0 || nul > end || keep < 0) return null;
    const name = Buffer.concat([previous.subarray(0, keep), bytes.subarray(nameAt, nul)]);
    const stage = (flags >> 12) & 3;
    const weak = (flags & 0x8000) !== 0 || (more & 0x6000) !== 0;
    if (stage === 0 && !weak) {
      entries.set(decodeName(name), {
        ctimeNs: BigInt(word(0)) * 1_000_000_000n + BigInt(word(4)),
        mtimeNs: BigInt(word(8)) * 1_000_000_000n + BigInt(word(12)),
        device: word(16),
        inode: word(20),
        mode: word(24),
        uid: word(28),
        gid: word(32),
        sizeBytes: word(36),
        digest: bytes.toString('hex', at + 40, at + 60),
      });
    }
    previous = name;
    at = version === 4 ? nul + 1 : at + Math.ceil((nul - at + 1) / 8) * 8;
  }
  while (at + 8 <= end) {
    if (bytes.toString('latin1', at, at + 4) === 'link') return null;
    at += 8 + bytes.readUInt32BE(at + 4);
  }
  return at === end ? entries : null;
}

/** git's offset encoding (varint.c): seven bits a byte, the most significant first, one added for each byte that goes on. */
function readVarint(bytes: Buffer, start: number): { readonly value: number; readonly next: number } {
  let at = start;
  let byte = bytes[at] ?? 0;
  let value = byte & 0x7f;
  while ((byte & 0x80) !== 0) {
    at += 1;
    byte = bytes[at] ?? 0;
    value = (value + 1) * 128 + (byte & 0x7f);
  }
  return { value, next: at + 1 };
}

/** What `-z` printed. */
export function splitNul(bytes: Buffer): readonly string[] {
  const parts: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const nul = bytes.indexOf(0, start);
    const end = nul < 0 ? bytes.length : nul;
    parts.push(decodeName(bytes.subarray(start, end)));
    start = end + 1;
  }
  return parts;
}
