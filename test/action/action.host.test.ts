import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { debianBase } from '../support/base-machine.ts';
import { pullRequest, runProgram, type JobEnd } from '../support/workflow-job.ts';
import { action, setting } from './setting.ts';

beforeAll(async () => void (await debianBase()));

/** The log as the runner shows it: what only masks is not in it. */
const shown = ({ log }: JobEnd): string => log.replace(/^::add-mask::.*$/gm, '');

describe('the action', () => {
  test('runs, then skips, then runs again what an edit can have changed', async () => {
    const job = setting('quickstart');
    const first = await runProgram(action, job);
    expect(first.log).toContain('::group::Layerfile ▸ RUN python3 tools/build_site.py');
    expect(first).toMatchObject({ code: 0, outputs: { skipped: '0', 'cache-hit': 'false' } });
    expect(Number(first.outputs['ran'])).toBeGreaterThanOrEqual(5);
    expect(first.outputs['website-url']).toMatch(/^http:\/\/main-.*\.localhost:7080$/);
    expect(first.summary).toContain('```mermaid');
    expect(first.summary).toContain('### Slowest steps');
    expect(first.summary).toContain(
      'https://github.com/octo/gallery/blob/0123456789abcdef0123456789abcdef01234567/Layerfile#L4',
    );

    const second = await runProgram(action, job);
    expect(second).toMatchObject({
      code: 0,
      outputs: { ran: '0', skipped: first.outputs['ran'], 'cache-hit': 'true' },
    });
    expect(second.log).not.toContain('::group::');

    appendFileSync(join(job.workspace, 'app/search.py'), '\n# Nothing is indexed.\n');
    const third = await runProgram(action, job);
    expect(third).toMatchObject({ code: 0, outputs: { 'cache-hit': 'false' } });
    expect(third.log).toContain(
      'tests/unit ▸ RUN python3 -m unittest discover --start-directory tests/unit: app/search.py changed',
    );
    expect(third.log).toContain('Layerfile ▸ RUN python3 tools/build_site.py: skipped');
  });

  test('annotates the line of a step that fails, and what it prints is no command', async () => {
    const job = setting({
      'web/Layerfile': 'FROM vm/debian:12\nRUN echo "::error file=x::forged"; echo "##[warning]forged too"; exit 7\n',
    });
    const end = await runProgram(action, job);
    expect(end).toMatchObject({ code: 1, outputs: { ran: '1', skipped: '0' } });
    expect(end.log).toMatch(/::error title=web ▸ RUN echo .*,file=web\/Layerfile,line=2::exit code 7/);
    const lines = end.log.split('\n');
    const [stop = ''] = lines.filter((line) => line.startsWith('::stop-commands::'));
    const token = stop.slice('::stop-commands::'.length);
    const at = (line: string): number => lines.indexOf(line);
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    expect([at(stop), at('::error file=x::forged'), at('##[warning]forged too'), at(`::${token}::`)]).toEqual(
      [at(stop), at('::error file=x::forged'), at('##[warning]forged too'), at(`::${token}::`)].sort((a, b) => a - b),
    );
    expect(end.summary).toContain('failed');
  });

  test('annotates what is wrong with a Layerfile, and ends as the command line does', async () => {
    const end = await runProgram(action, setting({ 'ci/Layerfile': 'FROM vm/debian:12\nRUNN make\n' }));
    expect(end.code).toBe(2);
    expect(end.log).toMatch(/::error file=ci\/Layerfile,line=2,/);
  });

  test('says what is wrong with its inputs', async () => {
    const job = setting(
      { Layerfile: 'FROM vm/debian:12\n' },
      { inputs: { store: 's3://x', secrets: 'A=canary', jobs: '-1' } },
    );
    const end = await runProgram(action, job);
    expect(end.code).toBe(64);
    expect(end.log).toContain('::error::secrets: A=… is no name');
    expect(end.log).not.toContain('canary');
    expect(end.log).toContain('::error::jobs:');
  });

  test('hands on secrets and shows them nowhere; a pull request from a fork gets none', async () => {
    const files = {
      Layerfile:
        'FROM vm/debian:12\nSECRET ENV TOKEN\nRUN echo "it is $TOKEN"; echo $TOKEN | base64; test -n "$TOKEN"; exit 3\n',
    };
    const given = { inputs: { secrets: 'TOKEN' }, env: { TOKEN: 'canary-0451-secret' } };
    const own = await runProgram(action, setting(files, given));
    expect(own.code).toBe(1);
    expect(own.log).toContain('it is ***');
    for (const text of [shown(own), own.summary]) {
      expect(text).not.toContain('canary-0451-secret');
      expect(text).not.toContain(Buffer.from('canary-0451-secret').toString('base64').slice(0, 20));
    }
    const fork = await runProgram(action, setting(files, { ...given, event: pullRequest(7, 'fork') }));
    expect(fork.code).toBe(3);
    expect(fork.summary).toContain('pull requests from forks get no secrets');
    expect(shown(fork)).not.toContain('canary');
  });

  test('runs no fork on a machine that stays, unless told to', async () => {
    const files = { Layerfile: 'FROM vm/debian:12\n' };
    const here = { event: pullRequest(7, 'fork'), env: { RUNNER_ENVIRONMENT: 'self-hosted' } };
    const refused = await runProgram(action, setting(files, here));
    expect(refused.code).toBe(3);
    expect(refused.log).toContain('::error::a pull request from a fork does not run here');
    const told = setting(files, { ...here, env: { ...here.env, LAYER_ALLOW_FORKS: '1' } });
    expect(await runProgram(action, told)).toMatchObject({ code: 0 });
  });
});
