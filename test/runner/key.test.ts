import { describe, expect, test } from 'vitest';
import {
  keyDifference,
  keyParts,
  rootInstance,
  secretDigest,
  splitInstance,
  stepKey,
  type StepFacts,
} from '../../src/runner/key.ts';
import type { InstanceId } from '../../src/runner/store.ts';

const facts: StepFacts = {
  instruction: '"RUN make"',
  buildEnv: { GIT_BRANCH: '=main', TAG: null },
  cwd: '/app',
  user: 'root',
  secretsSet: ['TOKEN', 'API_KEY'],
  mtime: 'plain',
};
const parent = 'p' as InstanceId;
const keyOf = (change: Partial<StepFacts>) => stepKey(parent, keyParts({ ...facts, ...change }));

describe('a key', () => {
  test.each<[string, Partial<StepFacts>]>([
    ['instruction', { instruction: '"RUN make all"' }],
    ['value of BUILD ENV', { buildEnv: { GIT_BRANCH: '=other', TAG: null } }],
    ['empty where it was unset', { buildEnv: { GIT_BRANCH: '=main', TAG: '=' } }],
    ['name of BUILD ENV', { buildEnv: { GIT_BRANCH: '=main' } }],
    ['working directory', { cwd: '/' }],
    ['user', { user: 'builder' }],
    ['secret that is set', { secretsSet: ['TOKEN'] }],
    ['mtime mode', { mtime: 'persistent' }],
  ])('is another with another %s', (_what, change) => {
    expect(keyOf(change)).not.toBe(keyOf({}));
  });

  test('does not depend on the order of names', () => {
    expect(keyOf({ secretsSet: ['API_KEY', 'TOKEN'], buildEnv: { TAG: null, GIT_BRANCH: '=main' } })).toBe(keyOf({}));
  });

  test('is bound to the instance before it', () => {
    expect(stepKey('q' as InstanceId, keyParts(facts))).not.toBe(keyOf({}));
  });

  test('of a root counts every fact', () => {
    const root = {
      baseDigest: 'sha256:1',
      driver: 'sandbox',
      driverFormat: '1',
      architecture: 'x64',
      network: 'outward',
      memoryBytes: null,
      repository: 'here',
    } as const;
    const changed = Object.entries({
      baseDigest: '2',
      driver: 'vm',
      driverFormat: '2',
      architecture: 'arm64',
      network: 'none',
      memoryBytes: 1,
      repository: 'there',
    });
    const ids = changed.map(([name, value]) => rootInstance({ ...root, [name]: value }));
    expect(new Set([rootInstance(root), ...ids]).size).toBe(changed.length + 1);
  });

  test('of each copy is its own', () => {
    const ids = [0, 1, 2].flatMap((index) => [3, 4].map((count) => splitInstance(parent, { index, count })));
    expect(new Set(ids).size).toBe(6);
  });

  test('holds no secret, and tells a rotation', () => {
    const mark = secretDigest('canary-secret', 'ab'.repeat(32));
    expect(mark).not.toContain('canary');
    expect(mark).toBe(secretDigest('canary-secret', 'ab'.repeat(32)));
    expect(mark).not.toBe(secretDigest('canary-other', 'ab'.repeat(32)));
    expect(mark).not.toBe(secretDigest('canary-secret', 'cd'.repeat(32)));
  });
});

describe('a miss is explained', () => {
  const sibling = (change: Partial<StepFacts>) => [{ keyParts: keyParts({ ...facts, ...change }) }];

  test.each<[string, Parameters<typeof keyDifference>[1]]>([
    ['the instruction is new', []],
    ['the instruction changed', sibling({ instruction: '"RUN cake"' })],
    ['BUILD ENV GIT_BRANCH changed', sibling({ buildEnv: { GIT_BRANCH: '=other', TAG: null } })],
    ['BUILD ENV TAG is unset now', sibling({ buildEnv: { GIT_BRANCH: '=main', TAG: '=1' } })],
    ['BUILD ENV TAG is new', sibling({ buildEnv: { GIT_BRANCH: '=main' } })],
    ['the user is root, was builder', sibling({ user: 'builder' })],
    ['other secrets are set', sibling({ secretsSet: [] })],
    ['no earlier result is left', sibling({})],
  ])('%s', (reason, siblings) => {
    expect(keyDifference(keyParts(facts), siblings)).toBe(reason);
  });

  test('by the sibling that differs least, with all that differs where that is little', () => {
    const other = { GIT_BRANCH: '=other', TAG: '=1' };
    const siblings = [
      ...sibling({ buildEnv: other, user: 'builder' }),
      ...sibling({ buildEnv: { GIT_BRANCH: '=main', TAG: '=1' } }),
      ...sibling({ buildEnv: other }),
    ];
    const parts = keyParts({ ...facts, buildEnv: { GIT_BRANCH: '=main', TAG: '=2' } });
    expect(keyDifference(parts, siblings)).toBe('BUILD ENV TAG changed');
    expect(keyDifference(parts, sibling({ buildEnv: other }))).toBe(
      'BUILD ENV GIT_BRANCH changed, BUILD ENV TAG changed',
    );
    expect(keyDifference(parts, sibling({ buildEnv: other, user: 'builder', secretsSet: [] }))).toBe(
      'BUILD ENV GIT_BRANCH changed, BUILD ENV TAG changed, the user is root, was builder and 1 more',
    );
  });
});
