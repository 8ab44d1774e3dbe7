import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FileWriter } from '../host.ts';

/**
 * Writes beside the target and renames. A link's target is written, not the link; mode and owner of a file stay as they were. What is neither a file nor a
 * directory (/dev/stdout, a pipe) is written into, and stays what it is.
 */
export const fileWriter: FileWriter = {
  async write(path, content) {
    const target = await realpath(path).catch(() => path);
    const before = await stat(target).catch(() => null);
    if (before !== null && !before.isFile() && !before.isDirectory()) return writeFile(target, content);
    await makeDirectories(dirname(target));
    const staged = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      const file = await open(staged, 'wx', before ? before.mode & 0o7777 : 0o666);
      try {
        await file.writeFile(content);
        if (before) {
          await file.chown(before.uid, before.gid).catch(() => undefined);
          await file.chmod(before.mode & 0o7777);
        }
      } finally {
        await file.close();
      }
      await rename(staged, target);
    } catch (problem) {
      await rm(staged, { force: true });
      throw problem;
    }
  },
};

/** One by one: where a file system makes none (/proc), Node's own recursive way never ends. */
async function makeDirectories(path: string): Promise<void> {
  if ((await stat(path).catch(() => null)) !== null) return;
  await makeDirectories(dirname(path));
  await mkdir(path).catch(async (problem: unknown) => {
    if ((await stat(path).catch(() => null)) === null) throw problem;
  });
}
