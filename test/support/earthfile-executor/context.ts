import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import ignore from 'ignore';
import type { BuildRequest } from './execute.ts';

/**
 * The directory of an Earthfile as a build gets it: without what `.earthlyignore` names. Its patterns are Docker's, which all begin at the
 * root; read as gitignore's, a slash before them says so.
 */
export function sentContext({ context, work }: Pick<BuildRequest, 'context' | 'work'>): string {
  const list = join(context, '.earthlyignore');
  const lines = existsSync(list) ? readFileSync(list, 'utf8').split('\n') : [];
  const patterns = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const left = ignore().add(patterns.map((one) => (one.startsWith('!') ? `!/${one.slice(1)}` : `/${one}`)));
  const sent = join(work, 'context');
  mkdirSync(sent, { recursive: true });
  const copy = (path: string): void => {
    for (const name of readdirSync(join(context, path))) {
      const below = path === '' ? name : `${path}/${name}`;
      const from = join(context, below);
      const to = join(sent, below);
      const stats = lstatSync(from);
      if (left.ignores(below)) continue;
      if (stats.isSymbolicLink()) symlinkSync(readlinkSync(from), to);
      else if (stats.isDirectory()) {
        mkdirSync(to, { mode: stats.mode });
        copy(below);
      } else if (stats.isFile()) copyFileSync(from, to);
    }
  };
  copy('');
  return sent;
}
