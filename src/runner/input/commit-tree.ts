import { Buffer } from 'node:buffer';
import type { RepoPath } from '../../host.ts';
import { writeManifest } from '../view/manifest.ts';
import type { ManifestNode } from '../view/manifest.ts';
import { decodeName } from '../view/names.ts';
import type { BlobStore } from './blob-store.ts';
import type { Git } from './git.ts';
import { splitNul } from './git-index.ts';

interface OpenDirectory {
  readonly kind: 'directory';
  readonly name: string;
  readonly children: ManifestNode[];
}

/** A link, until its target is read. */
interface PendingLink {
  readonly name: string;
  readonly digest: string;
  readonly into: OpenDirectory;
}

/**
 * The files of a commit as a manifest, their contents in the blob store. Bytes are those of the objects: no filter, no line-end conversion, no
 * `export-ignore`. A submodule is an empty directory; names that could not be a file's (`..`, `.git`) are left out. `why` where git fails.
 */
export async function freezeCommit(given: {
  readonly git: Git;
  readonly commit: string;
  readonly blobs: BlobStore;
  readonly shownMtimeNs: ((path: RepoPath, digest: string) => bigint) | null;
  readonly signal: AbortSignal;
}): Promise<{ readonly manifest: Uint8Array } | { readonly why: string }> {
  const { git, commit, blobs, shownMtimeNs, signal } = given;
  const listed = await git.run(['ls-tree', '-r', '-z', '-l', '--full-tree', commit], { signal });
  if (listed.code !== 0) return { why: listed.stderr.trim() };

  const top: OpenDirectory = { kind: 'directory', name: '', children: [] };
  const directories = new Map<string, OpenDirectory>([['', top]]);
  const open = (path: string): OpenDirectory => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const directory: OpenDirectory = { kind: 'directory', name: path.slice(slash + 1), children: [] };
    open(slash < 0 ? '' : path.slice(0, slash)).children.push(directory);
    directories.set(path, directory);
    return directory;
  };
  const links: PendingLink[] = [];
  const wanted = new Map<string, number>();
  for (const record of splitNul(listed.stdout)) {
    const tab = record.indexOf('\t');
    const [mode = '', type = '', digest = '', size = ''] = record.slice(0, tab).split(/ +/);
    const path = record.slice(tab + 1);
    const names = path.split('/');
    if (names.some((name) => name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git')) continue;
    if (type === 'commit') {
      open(path);
      continue;
    }
    const into = open(names.slice(0, -1).join('/'));
    const name = names.at(-1) ?? '';
    const sizeBytes = Number(size);
    if (mode === '120000') links.push({ name, digest, into });
    else {
      const shown = shownMtimeNs?.(path as RepoPath, digest) ?? null;
      const executable = mode === '100755';
      into.children.push({
        kind: 'file',
        name,
        executable,
        digest,
        sizeBytes,
        content: 'immutable',
        shownMtimeNs: shown,
      });
    }
    wanted.set(digest, sizeBytes);
  }

  const targets = new Map(links.map((link) => [link.digest, '']));
  const missing = [...wanted].filter(([digest, sizeBytes]) => targets.has(digest) || !blobs.has(digest, sizeBytes));
  const read = await readObjects({ git, signal, digests: missing.map(([digest]) => digest) }, (digest, bytes) => {
    if (targets.has(digest)) targets.set(digest, decodeName(bytes));
    blobs.put(digest, bytes);
  });
  if (read !== null) return { why: read };
  for (const { name, digest, into } of links)
    into.children.push({ kind: 'link', name, target: targets.get(digest) ?? '', shownMtimeNs: null });
  return { manifest: writeManifest(top, { working: '', blobs: blobs.directory }) };
}

/** Streams blobs out of git, one at a time; null, or why it failed. */
async function readObjects(
  given: { readonly git: Git; readonly digests: readonly string[]; readonly signal: AbortSignal },
  take: (digest: string, bytes: Buffer) => void,
): Promise<string | null> {
  const { git, digests, signal } = given;
  if (digests.length === 0) return null;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let body: { readonly digest: string; readonly sizeBytes: number } | null = null;
  let taken = 0;
  let complaint: string | null = null;
  const join = () => {
    const all = pending.length === 1 ? (pending[0] ?? Buffer.alloc(0)) : Buffer.concat(pending);
    pending = [all];
    return all;
  };
  const done = await git.run(['cat-file', '--batch'], {
    signal,
    input: Buffer.from(`${digests.join('\n')}\n`),
    output(chunk) {
      pending.push(chunk);
      pendingBytes += chunk.length;
      for (;;) {
        if (body === null) {
          const newline = join().indexOf(10);
          if (newline < 0) return;
          const all = join();
          const [digest = '', type = '', size = ''] = all.toString('latin1', 0, newline).split(' ');
          if (type !== 'blob') complaint ??= `git does not have the file ${digest}`;
          else body = { digest, sizeBytes: Number(size) };
          pending = [all.subarray(newline + 1)];
          pendingBytes -= newline + 1;
          continue;
        }
        if (pendingBytes < body.sizeBytes + 1) return;
        const all = join();
        take(body.digest, all.subarray(0, body.sizeBytes));
        taken += 1;
        pending = [all.subarray(body.sizeBytes + 1)];
        pendingBytes -= body.sizeBytes + 1;
        body = null;
      }
    },
  });
  if (complaint !== null) return complaint;
  return done.code === 0 && taken === digests.length ? null : done.stderr.trim() || 'git ended early';
}
