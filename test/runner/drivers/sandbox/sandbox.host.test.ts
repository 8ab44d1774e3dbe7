import { tmpdir } from 'node:os';
import { sandboxDriver } from '../../../../src/runner/drivers/sandbox/sandbox.ts';
import { describeDriver } from '../contract.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { withoutViews } from './without-views.ts';

describeDriver('sandbox', () => ({
  driver: sandboxDriver({ startViewServer: withoutViews, storeDirectory: tmpdir(), warn: () => {} }),
  base: buildTinyBase,
}));
