import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slope } from '../../../../src/runner/drivers/vm/tsc-rate.ts';

describe('the rate of a counter', () => {
  it('comes out of samples that arrive late, one in three by up to 20 ms', () => {
    const rate = 2_596_098;
    fc.assert(
      fc.property(fc.array(fc.nat(200), { minLength: 90, maxLength: 90 }), (lateness) => {
        const samples = lateness.map((late, n) => ({
          ms: 1000 + n * 6.4 + (n % 3 === 0 ? late / 10 : 0),
          ticks: 5e12 + n * 6.4 * rate,
        }));
        expect(Math.abs(slope(samples) / rate - 1)).toBeLessThan(1e-4);
      }),
    );
  });

  it('needs more than one moment', () => {
    expect(() => slope([{ ms: 1, ticks: 1 }])).toThrow(RangeError);
  });
});
