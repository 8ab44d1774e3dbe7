import { mkdtempSync, mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file's content, or a link. */
export type Entry = string | Uint8Array | { readonly link: string };

/** A directory that is gone when the test is over, with these files in it; a path that ends in `/` is a directory. */
export function scratch(entries: { readonly [path: string]: Entry } = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'layer-test-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, entry] of Object.entries(entries)) {
    const place = join(root, path);
    mkdirSync(path.endsWith('/') ? place : dirname(place), { recursive: true });
    if (path.endsWith('/')) continue;
    if (typeof entry === 'string' || entry instanceof Uint8Array) writeFileSync(place, entry);
    else symlinkSync(entry.link, place);
  }
  return root;
}
