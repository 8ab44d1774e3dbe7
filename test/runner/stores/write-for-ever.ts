import { randomBytes } from 'node:crypto';
import { openLocalStore } from '../../../src/runner/stores/local.ts';
import type { InstanceId } from '../../../src/runner/store.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initialState } from '../../../src/runner/state.ts';
import type { StepKey } from '../../../src/runner/store.ts';

/** Puts instances with layers into a store until it is killed. */
const store = openLocalStore(process.argv[2] ?? '');
for (;;) {
  const directory = join(await store.directory(), 'layers', '1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'file'), 'content');
  await store.insert({
    id: randomBytes(16).toString('hex') as InstanceId,
    parent: 'a'.repeat(64) as InstanceId,
    key: 'f'.repeat(64) as StepKey,
    first: false,
    keyParts: [],
    title: 'RUN make',
    layer: 'web',
    observations: [],
    state: initialState,
    view: null,
    exitCode: 0,
    outputTail: '',
    durationMs: 1,
    createdAt: Date.now(),
    usedAt: Date.now(),
    data: { stack: [{ kind: 'layer', directory, at: null }], mtimes: null },
    notKept: null,
  });
  await store.collect();
}
