import { beforeAll } from 'vitest';
import type { Driver } from '../../../../src/runner/driver.ts';
import { describeRepeatable } from '../repeatable.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { testDriver } from './test-driver.ts';

let driver: Driver;
beforeAll(async () => {
  ({ driver } = await testDriver());
});

describeRepeatable('virtual machine', () => ({ driver, base: buildTinyBase }));
