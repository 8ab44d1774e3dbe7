import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';

/** A file of an initramfs: an absolute path without its leading `/`. */
export interface InitramfsFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** An archive as the kernel unpacks it at boot: cpio's `newc` format (cpio(5)), gzipped. The same files give the same bytes. */
export function buildInitramfs(files: readonly InitramfsFile[]): Buffer {
  const directories = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth++) directories.add(parts.slice(0, depth).join('/'));
  }
  const parts: Buffer[] = [];
  let inode = 0;
  const add = (path: string, mode: number, content: Uint8Array): void => {
    const name = Buffer.from(`${path}\0`);
    // inode, mode, uid, gid, links, mtime, size, device (major, minor), special device (major, minor), name's length, checksum
    const numbers = [++inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padded(Buffer.concat([Buffer.from(header), name])), padded(content));
  };
  for (const directory of directories) add(directory, 0o040755, Buffer.alloc(0));
  for (const { path, mode, content } of files) add(path, 0o100000 | mode, content);
  add('TRAILER!!!', 0, Buffer.alloc(0));
  return gzipSync(Buffer.concat(parts), { level: 1 });
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
