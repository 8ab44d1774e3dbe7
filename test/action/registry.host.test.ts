import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startRegistry, type RegistryServer } from '../runner/bases/support/registry-server.ts';
import { debianBase } from '../support/base-machine.ts';
import { startFaultyProxy, type ProxyFault } from '../support/faulty-proxy.ts';
import { opened } from '../support/opened.ts';
import { pullRequest, pushTo, runProgram, type JobEnd, type JobSetting } from '../support/workflow-job.ts';
import { action, setting } from './setting.ts';

beforeAll(async () => void (await debianBase()));

/** A runner that never saw the repository. */
function fresh(job: JobSetting): JobSetting {
  rmSync(join(job.temp, 'store'), { recursive: true, force: true });
  return job;
}

const warnings = ({ log }: JobEnd): readonly string[] =>
  log.split('\n').filter((line) => /^::(warning|error)/.test(line));

/** A step that is worth sending, and one that an edit of `other` runs again. */
const files = {
  Layerfile:
    'FROM vm/debian:12\nRUN sleep 0.5; echo one > /root/one\nCOPY other .\nRUN sleep 0.5; cat other > second\n',
  other: 'two\n',
};

const at = (host: string, repository = 'team/layer') => ({ inputs: { store: `oci://${host}/${repository}` } });

/** A home directory with a login in it, as docker/login-action leaves it. */
function login(job: JobSetting, { host, user }: RegistryServer, password: string): void {
  mkdirSync(join(job.temp, '.docker'), { recursive: true });
  const auth = Buffer.from(`${user}:${password}`).toString('base64');
  writeFileSync(join(job.temp, '.docker/config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
}

/** Every file below a directory. */
function filesBelow(directory: string): readonly Buffer[] {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((one) => join(directory, one));
  return paths.filter((path) => statSync(path).isFile()).map((path) => readFileSync(path));
}

describe('the action on a registry', () => {
  test('what one runner stores another skips; after an edit it runs only what it must', async () => {
    await using registry = await startRegistry('none');
    const job = setting('quickstart', at(registry.host));
    const first = await runProgram(action, job);
    expect(first).toMatchObject({ code: 0, outputs: { skipped: '0' } });
    expect(first.log).toMatch(/^sent \d+ results, [\d.]+ (kB|MB)$/m);

    const second = await runProgram(action, fresh(job));
    expect(warnings(second)).toEqual([]);
    expect(second).toMatchObject({ code: 0, outputs: { ran: '0', 'cache-hit': 'true' } });

    appendFileSync(join(job.workspace, 'app/search.py'), '\n# Nothing is indexed.\n');
    const third = await runProgram(action, fresh(job));
    expect(warnings(third)).toEqual([]);
    expect(third.log).toContain('Layerfile ▸ RUN python3 tools/build_site.py: skipped');
    expect(third.log).toContain('app/search.py changed');
    expect(third.code).toBe(0);
  });

  test('is done without where it fails, and that is said once', async () => {
    await using registry = await startRegistry('none');
    await using proxy = await startFaultyProxy(registry.host);
    const job = setting(files, at(proxy.host));
    expect(warnings(await runProgram(action, job))).toEqual([]);
    const faults: Readonly<Record<string, (method: string, path: string) => ProxyFault>> = {
      'too many requests': () => 429,
      'an inner error': () => 500,
      'a conflict': (method) => (method === 'PATCH' || method === 'POST' ? 409 : null),
      'read-only': (method) => (method === 'GET' || method === 'HEAD' ? null : 403),
      'cut off in a blob': (method, path) => (method === 'GET' && path.includes('/blobs/') ? 'cut response' : null),
      'cut off in an upload': (method) => (method === 'PATCH' ? 'cut request' : null),
    };
    for (const [name, fault] of Object.entries(faults)) {
      proxy.fault = fault;
      appendFileSync(join(job.workspace, 'other'), `${name}\n`);
      const end = await runProgram(action, fresh(job));
      expect(end.code, name).toBe(0);
      expect(warnings(end), name).toEqual([expect.stringContaining('::warning::going on without the registry ')]);
    }
    await registry[Symbol.asyncDispose]();
    const gone = await runProgram(action, fresh({ ...job, ...at(registry.host) }));
    expect(gone).toMatchObject({ code: 0, outputs: { ran: '3' } });
    expect(warnings(gone)).toEqual([expect.stringContaining('cannot be reached')]);
  }, 600_000);

  test('is written with the login of Docker, and without it only read', async () => {
    await using registry = await startRegistry('token');
    const job = setting(files, at(registry.host));
    login(job, registry, registry.password);
    expect(warnings(await runProgram(action, job))).toEqual([]);
    rmSync(join(job.temp, '.docker'), { recursive: true });
    const reader = await runProgram(action, fresh(job));
    expect(warnings(reader)).toEqual([]);
    expect(reader).toMatchObject({ code: 0, outputs: { ran: '0', skipped: '3' } });
    appendFileSync(join(job.workspace, 'other'), 'three\n');
    const refused = await runProgram(action, fresh(job));
    expect(refused).toMatchObject({ code: 0, outputs: { ran: '1', skipped: '2' } });
    expect(warnings(refused)).toEqual([expect.stringContaining('may not be read or written with this login')]);
    login(job, registry, 'canary-0451-secret');
    const wrong = await runProgram(action, fresh(job));
    expect(wrong).toMatchObject({ code: 0, outputs: { ran: '3' } });
    expect(warnings(wrong)).toEqual([expect.stringContaining('the token service answered 401')]);
    expect(wrong.log).not.toContain('canary');
  });

  test('keeps scopes apart, believes only who has the key, and holds no secret', async () => {
    await using registry = await startRegistry('none');
    const canary = 'canary-0451-secret';
    const secret = {
      ...files,
      Layerfile: `${files.Layerfile}SECRET ENV TOKEN\nENV COPY=$TOKEN\nRUN sleep 0.3; echo "$TOKEN" > kept; echo "$TOKEN"\nCACHE /root/cache\nRUN mkdir -p /root/cache; echo "$TOKEN" > /root/cache/token\n`,
    };
    const key = { LAYER_STORE_KEY: 'the key of the fleet', TOKEN: canary };
    const job = setting(secret, { inputs: { ...at(registry.host).inputs, secrets: 'TOKEN' }, env: key });
    const pull = { ...job, event: pullRequest(7, 'own') };
    expect((await runProgram(action, pull)).code).toBe(0);
    const push = await runProgram(action, fresh({ ...job, event: pushTo('main') }));
    expect(push.outputs).toMatchObject({ skipped: '0' });
    expect(push.log).toContain('results not sent: made where a secret was in force');
    const forms = [canary, Buffer.from(canary).toString('base64').slice(0, 20), encodeURIComponent(canary)];
    const said = [push.log.replace(/^::add-mask::.*$/gm, ''), push.summary].map((text) => Buffer.from(text));
    for (const bytes of [...said, ...filesBelow(registry.storage)]) {
      for (const text of [bytes, ...opened(bytes)]) for (const form of forms) expect(text.includes(form)).toBe(false);
    }
    const other = await runProgram(action, fresh({ ...job, env: { ...job.env, LAYER_STORE_KEY: 'another' } }));
    expect(other.outputs).toMatchObject({ skipped: '0' });
    expect(warnings(other)).toEqual([expect.stringContaining('does not carry the MAC of LAYER_STORE_KEY')]);
    const again = await runProgram(action, fresh({ ...job, env: { ...job.env, LAYER_STORE_KEY: 'another' } }));
    expect(again.outputs).toMatchObject({ skipped: '3' });
  });
});
