import { beforeAll } from 'vitest';
import type { Driver } from '../../../../src/runner/driver.ts';
import { describeDriver } from '../contract.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { testDriver } from './test-driver.ts';

let driver: Driver;
beforeAll(async () => {
  ({ driver } = await testDriver());
});

describeDriver('virtual machine', () => ({ driver, base: buildTinyBase }));
