import { tmpdir } from 'node:os';
import { sandboxDriver } from '../../../../src/runner/drivers/sandbox/sandbox.ts';
import { startViewServer } from '../../../../src/runner/fuse/start.ts';
import { describeRepeatable } from '../repeatable.ts';
import { buildTinyBase } from '../tiny-base.ts';

describeRepeatable('sandbox', () => ({
  driver: sandboxDriver({ startViewServer, storeDirectory: tmpdir(), warn: () => {} }),
  base: buildTinyBase,
}));
