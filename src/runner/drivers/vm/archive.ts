import { spawn } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path/posix';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { GuestPath } from '../../../host.ts';

const attributes = ['--numeric-owner', '--xattrs', '--xattrs-include=*'];

/** A tar that writes: its archive, and its end. */
export interface Packing {
  readonly output: Readable;
  /** Rejects where it could not pack all. */
  readonly ended: Promise<void>;
}

/** What a directory holds, or a file, to be laid at a path of a machine: where to unpack it, and the archive. The directory's own mode and owner are left out. */
export function archiveOf(source: string, at: GuestPath): { readonly into: GuestPath; readonly archive: Packing } {
  if (lstatSync(source).isDirectory()) {
    const names = readdirSync(source, { encoding: 'buffer' });
    const list = Buffer.concat(names.map((name) => Buffer.concat([Buffer.from('./'), name, Buffer.of(0)])));
    return { into: at, archive: pack(['--directory', source], list) };
  }
  const name = basename(at);
  const rename = `--transform=flags=rh;s|^.*$|${name.replace(/[\\|&]/g, '\\$&')}|`;
  const list = Buffer.from(`./${basename(source)}\0`);
  return { into: dirname(at) as GuestPath, archive: pack(['--directory', dirname(source), rename], list) };
}

function pack(options: readonly string[], names: Buffer): Packing {
  const argv = [
    '--create',
    '--format=posix',
    ...attributes,
    ...options,
    '--null',
    '--verbatim-files-from',
    '--files-from=-',
  ];
  const child = spawn('tar', argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {});
  child.stdin.end(names);
  const ended = endOf(child, 'pack');
  // What nobody reads when a process ends, Node throws away.
  const output = child.stdout.pipe(new PassThrough());
  ended.catch((error: Error) => output.destroy(error));
  return { output, ended };
}

/** Unpacks an archive of a machine's into an empty directory, with owners, modes and extended attributes. Rejects where it is not whole. */
export async function unpackInto(directory: string, archive: Readable): Promise<void> {
  // tar itself refuses `..` and makes links that lead out only when all is unpacked.
  const argv = ['--extract', ...attributes, '--same-owner', '--same-permissions', '--directory', directory];
  const child = spawn('tar', argv, { stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = endOf(child, 'unpack');
  await Promise.all([pipeline(archive, child.stdin), ended]);
}

function endOf(child: ReturnType<typeof spawn>, what: string): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-1000);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`tar could not ${what} (${code}): ${complaint.trim()}`)),
    );
  });
}
