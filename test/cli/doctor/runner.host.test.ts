import { describe, expect, it } from 'vitest';
import { probeRunner } from '../../../src/cli/doctor/runner.ts';
import type { Host } from '../../../src/runner/drivers/sandbox/probe.ts';
import { startRegistry } from '../../runner/bases/support/registry-server.ts';

const signal = AbortSignal.timeout(60_000);
const host = (...programs: readonly string[]): Host => ({
  ...{ uid: 0, capabilities: 0n, inContainer: false },
  has: (program) => programs.includes(program),
  open: () => null,
  read: () => null,
  device: () => null,
  run: () => Promise.resolve({ code: 0, output: '' }),
});

const look = async (environment: Readonly<Record<string, string>>, one: Host = host('tar', 'zstd')) =>
  (await probeRunner(environment, { host: one, signal })).map(({ what, ok, required }) => [what, ok, required]);

describe('what doctor finds on a runner', () => {
  it('where its results go, and who vouches for them', async () => {
    expect(await look({ LAYER_STORE: '/layer/store' })).toEqual([
      ['LAYER_STORE', true, false],
      ['LAYER_REMOTE', true, false],
      ['cache archives', true, false],
    ]);
    expect(await look({ LAYER_REMOTE: 's3://x' }, host('zstd'))).toEqual([
      ['LAYER_STORE', false, false],
      ['LAYER_REMOTE', false, true],
      ['cache archives', false, true],
    ]);
  });

  it('whether the registry can be read and written', async () => {
    await using registry = await startRegistry('none');
    await using guarded = await startRegistry('token');
    const at = (place: string) => ({
      LAYER_STORE: '/layer',
      LAYER_STORE_KEY: 'k',
      LAYER_REMOTE: `oci://${place}/ci/layer`,
    });
    const fine = [
      ['LAYER_STORE', true, false],
      ['registry', true, true],
      ['LAYER_STORE_KEY', true, false],
    ];
    expect(await look(at(registry.host))).toEqual(fine);
    const [, refused] = await probeRunner(at(guarded.host), { host: host(), signal });
    expect(refused).toMatchObject({ ok: false, remedy: `docker login ${guarded.host}` });
    await registry[Symbol.asyncDispose]();
    const [, gone] = await probeRunner({ LAYER_REMOTE: at(registry.host).LAYER_REMOTE }, { host: host(), signal });
    expect(gone).toMatchObject({ ok: false, detail: expect.stringContaining('cannot be reached') });
    expect(await look({ LAYER_REMOTE: 'oci://' })).toContainEqual(['registry', false, true]);
  });
});
