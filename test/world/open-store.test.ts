import { expect, it } from 'vitest';
import { openStore } from '../../src/world/open-store.ts';

it('a store where no directory can be made is named, with what would help', () => {
  expect(openStore('/proc/nowhere/store')).toEqual({
    failure: expect.stringMatching(
      /^the store \/proc\/nowhere\/store cannot be used: .*; give another place with --store$/,
    ),
  });
});
