import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What shows that no skip is wrong: a failure there is never given a second chance. */
const proofs = ['test/{hazards,oracle,faults}/*.host.test.ts', 'test/runner/fuse/{differential,oracle}.host.test.ts'];

const onTheHost = { testTimeout: 180_000, hookTimeout: 300_000, fileParallelism: false };

/**
 * One suite, three projects: `unit` is pure and runs in parallel; then `host` mounts, boots and forks, one file at a time, and `proof` does so to
 * show that no skip is wrong. A busy CI machine may miss one deadline of `host`, so there a test may be tried twice.
 */
export default defineConfig({
  root,
  test: {
    projects: [
      {
        root,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.host.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        root,
        test: {
          ...onTheHost,
          name: 'host',
          include: ['test/**/*.host.test.ts'],
          exclude: proofs,
          retry: process.env['CI'] === 'true' ? 1 : 0,
          sequence: { groupOrder: 1 },
        },
      },
      {
        root,
        test: {
          ...onTheHost,
          name: 'proof',
          include: proofs,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
