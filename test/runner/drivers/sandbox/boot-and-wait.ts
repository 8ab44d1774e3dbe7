import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GuestPath } from '../../../../src/host.ts';
import { sandboxDriver } from '../../../../src/runner/drivers/sandbox/sandbox.ts';
import { withoutViews } from './without-views.ts';

/** A process that boots a machine, starts something in it, tells about both and waits to be killed: `boot-and-wait.ts <base> <directory>`. */
const [, , root = '', directory = ''] = process.argv;
mkdirSync(directory);
const driver = sandboxDriver({ startViewServer: withoutViews, storeDirectory: dirname(directory), warn: () => {} });
const machine = await driver.boot(
  {
    ...{ hostname: 'm', base: { name: 'vm/tiny:1', digest: '', root }, stack: [], trees: {}, mtime: 'plain' },
    ...{ memoryBytes: 2 ** 28, network: 'outward', directory },
  },
  new AbortController().signal,
);
const env = { PATH: '/usr/bin' };
await machine.start({ script: 'setsid sleep 1000 & sleep 1000', env, user: 'root', cwd: '/' as GuestPath }, () => {});
const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
process.stdout.write(
  `${JSON.stringify({ init: Number(children[0]), owner: readFileSync(join(directory, 'owner'), 'utf8') })}\n`,
);
setInterval(() => {}, 1000);
