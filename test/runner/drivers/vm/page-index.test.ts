import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PageRun } from '../../../../src/runner/drivers/vm/page-index.ts';
import { decodePageIndex, encodePageIndex, RunBuilder } from '../../../../src/runner/drivers/vm/page-index.ts';

const kinds = fc.array(fc.constantFrom('data', 'zero', null), { maxLength: 300 });

describe('an index of pages', () => {
  it('holds every page that was added, and survives being written', () => {
    fc.assert(
      fc.property(kinds, (pages) => {
        const builder = new RunBuilder();
        for (const [page, kind] of pages.entries()) if (kind !== null) builder.add(page, kind);
        const runs = builder.end();
        const back = decodePageIndex(
          encodePageIndex({ totalPages: 300, runs, digests: Buffer.from('digests'), blocks: [7, 8] }),
        );
        expect(back).toEqual({ totalPages: 300, runs, digests: Buffer.from('digests'), blocks: [7, 8] });
        const found = pages.map(() => null as string | null);
        for (const run of runs) found.fill(run.zero ? 'zero' : 'data', run.first, run.first + run.count);
        expect(found).toEqual(pages);
      }),
    );
  });

  it('is none where it was cut, grew, or its runs overlap or lead out of the memory', () => {
    const index = (...runs: readonly PageRun[]): Buffer =>
      encodePageIndex({ totalPages: 10, runs, digests: Buffer.alloc(0), blocks: [] });
    const run = { first: 2, count: 3, zero: false };
    const good = index(run);
    expect(decodePageIndex(good)).not.toBeNull();
    for (const bad of [
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.alloc(1)]),
      Buffer.alloc(0),
      Buffer.alloc(64),
      index(run, { first: 4, count: 1, zero: true }),
      index({ first: 8, count: 3, zero: true }),
      index({ first: 1, count: 0, zero: false }),
    ]) {
      expect(decodePageIndex(bad)).toBeNull();
    }
  });
});
