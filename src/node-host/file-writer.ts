import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { FileWriter } from '../host.ts';

/** Writes beside the target and renames. A link's target is written, not the link; mode and owner of a file stay as they were. */
export const fileWriter: FileWriter = {
  async write(path, content) {
    const target = await realpath(path).catch(() => path);
    const before = await stat(target).catch(() => null);
    await mkdir(dirname(target), { recursive: true });
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
