import { execFile } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';
import type { GuestPath } from '../../../host.ts';
import { decodeName, encodeName } from '../../view/names.ts';
import type { Pruning } from '../../store.ts';

/**
 * Copies a layer in overlay upper format into an empty directory, files as hard links, and takes out what is not wanted: an entry or a whiteout is
 * left out, a directory loses its opaque mark (with its other extended attributes) so that what lies below shows through.
 */
export async function copyLayer(
  from: string,
  { to, prune }: { readonly to: string; readonly prune: Pruning },
): Promise<void> {
  await promisify(execFile)('cp', ['--archive', '--link', '--no-target-directory', '--', from, to]);
  visit('', { root: to, prune });
}

interface Visit {
  readonly root: string;
  readonly prune: Pruning;
}

/** `path` is relative to the layer's root with a leading slash; empty is the root. */
function visit(path: string, { root, prune }: Visit): void {
  const here = encodeName(root + path);
  for (const name of readdirSync(here, { encoding: 'buffer' })) {
    const below = `${path}/${decodeName(name)}`;
    const place = encodeName(root + below);
    const directory = lstatSync(place).isDirectory();
    switch (prune(below as GuestPath, directory ? 'directory' : 'other')) {
      case 'drop':
        rmSync(place, { recursive: true, force: true });
        break;
      case 'open':
        if (directory) {
          open(place);
          visit(below, { root, prune });
        }
        break;
      case 'keep':
        if (directory) visit(below, { root, prune });
        break;
    }
  }
}

/** Makes a directory anew, without its marks. */
function open(place: Buffer): void {
  const { mode, uid, gid } = lstatSync(place);
  const fresh = Buffer.concat([place, Buffer.from('.layer-open')]);
  mkdirSync(fresh);
  for (const name of readdirSync(place, { encoding: 'buffer' })) {
    renameSync(Buffer.concat([place, Buffer.from('/'), name]), Buffer.concat([fresh, Buffer.from('/'), name]));
  }
  rmdirSync(place);
  renameSync(fresh, place);
  chownSync(place, uid, gid);
  chmodSync(place, mode & 0o7777);
}
