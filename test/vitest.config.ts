import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** One suite, two projects: `unit` is pure and runs in parallel; then `host` mounts, boots and forks, one file at a time. */
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
          name: 'host',
          include: ['test/**/*.host.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
