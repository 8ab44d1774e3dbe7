import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bootVersion } from '../../../../src/runner/drivers/vm/booted.ts';

test('what sets a guest up has the version under which booted machines are kept', () => {
  const hash = createHash('sha256');
  for (const name of ['guest-init', 'guest-identity', 'guest-network'])
    hash.update(readFileSync(new URL(`../../../../src/runner/drivers/vm/${name}.ts`, import.meta.url)));
  // Where one of them does something else now, raise the version: else machines begin from states that older ones have set up.
  expect([bootVersion, hash.digest('hex').slice(0, 16)]).toEqual([1, 'bc398d6157e7827a']);
});
