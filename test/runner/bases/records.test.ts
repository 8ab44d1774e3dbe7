import { expect, test } from 'vitest';
import { recordKey, sharedKey } from '../../../src/runner/bases/records.ts';

const host = (repositoryRoot: string) => ({ architecture: 'amd64', repositoryRoot });

test('a tarball of another repository is another base, though it is called the same there', () => {
  const source = { kind: 'tarball', path: 'machine.tar' } as const;
  expect(recordKey('vm/machine:1', source, host('/one'))).not.toBe(recordKey('vm/machine:1', source, host('/two')));
  expect(recordKey('vm/machine:1', source, host('/one'))).toBe(recordKey('vm/machine:1', source, host('/one/')));
});

test('what does not lie in a repository is the same for all', () => {
  const source = { kind: 'oci', reference: 'docker.io/library/alpine:3' } as const;
  const key = recordKey('vm/alpine:3', source, host('/one'));
  expect(key).toBe(recordKey('vm/alpine:3', source, host('/two')));
  expect(key).toBe(sharedKey('vm/alpine:3', source, 'amd64'));
});
