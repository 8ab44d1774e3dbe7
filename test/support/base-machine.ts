import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeBaseFailure } from '../../src/runner/bases/failure.ts';
import type { BaseHost } from '../../src/runner/bases/host.ts';
import { prepareBase } from '../../src/runner/bases/prepare.ts';
import type { BaseMachine } from '../../src/runner/driver.ts';

/** Where base machines for tests are kept between runs: `LAYER_BASES` (`layer run` heeds it too), else a directory of the temporary directory. */
export const testBases: string = process.env['LAYER_BASES'] ?? join(tmpdir(), `layer-test-bases-${process.getuid?.()}`);

/** The host as tests have it: root, and no Docker login. */
export function testBaseHost(directory: string): BaseHost {
  return {
    directory,
    repositoryRoot: directory,
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    mirrors: {},
    dockerConfig: null,
    env: process.env as Record<string, string>,
    now: () => Date.now(),
  };
}

/** A real Debian 12, built by whichever test asks first (under a minute) and shared by all others, also of later runs. */
export async function debianBase(): Promise<BaseMachine> {
  const prepared = await prepareBase({
    name: 'vm/debian:12',
    source: { kind: 'known' },
    refresh: { kind: 'never' },
    host: testBaseHost(testBases),
    progress: () => {},
    signal: AbortSignal.timeout(280_000),
  });
  if (prepared.kind === 'failed') throw new Error(describeBaseFailure(prepared.failure));
  return prepared.base;
}
