import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { BaseMachine } from '../../driver.ts';
import { prepareGuest } from './guest.ts';
import type { BootFile, BootFiles } from './launch.ts';
import { recordFile } from './saved-file.ts';

/** What machines on a base boot from, each file with the digest of its content: a saved machine goes on over these very bytes or not at all. */
export async function bootFiles(
  {
    directory,
    base,
    diskBytes,
  }: { readonly directory: string; readonly base: BaseMachine; readonly diskBytes: number },
  signal: AbortSignal,
): Promise<BootFiles> {
  await mkdir(directory, { recursive: true });
  const guest = await prepareGuest({ directory, base, diskBytes }, signal);
  const [kernel, initramfs, disk] = await Promise.all([
    digested(guest.kernel.image),
    digested(guest.initramfs),
    digested(guest.disk),
  ]);
  return { kernel, initramfs, disk: { ...disk, format: 'qcow2' } };
}

/** A file with its digest, which is remembered beside it for as long as the file is the same. */
async function digested(path: string): Promise<BootFile> {
  const { size, mtimeMs, ctimeMs, ino } = await stat(path);
  const facts = JSON.stringify([size, mtimeMs, ctimeMs, ino]);
  const note = `${dirname(path)}/.${basename(path)}.digest`;
  const [knownFacts, known] = (await readFile(note, 'utf8').catch(() => '')).split('\n');
  if (knownFacts === facts && known !== undefined && /^[0-9a-f]{64}$/.test(known)) return { path, digest: known };
  const { sha256 } = await recordFile(path);
  const staged = `${note}.${randomUUID()}`;
  await writeFile(staged, `${facts}\n${sha256}\n`);
  await rename(staged, note);
  return { path, digest: sha256 };
}
