import { zstdDecompressSync } from 'node:zlib';

const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** What is compressed in some bytes, and in that again: the library's archive, ours in it. */
export function opened(bytes: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  const visit = (one: Buffer, depth: number): void => {
    for (let at = one.indexOf(magic); at >= 0 && depth < 3; at = one.indexOf(magic, at + 1)) {
      try {
        const inside = zstdDecompressSync(one.subarray(at));
        found.push(inside);
        visit(inside, depth + 1);
      } catch {
        // These four bytes happen to stand there.
      }
    }
  };
  visit(bytes, 0);
  return found;
}
