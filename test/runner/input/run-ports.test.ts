import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { LayerId } from '../../../src/ir/ir.ts';
import { runSecrets } from '../../../src/runner/input/run-secrets.ts';
import { runVariables } from '../../../src/runner/input/run-variables.ts';
import { scratch } from './workspace.ts';

const shown = (port: ReturnType<typeof runSecrets>, text: string): string => {
  const masker = port.masker();
  return Buffer.concat([masker.push(Buffer.from(text)), masker.end()]).toString();
};

test('given secrets are masked whether they are used or not, and so is the token in a user and token', () => {
  const port = runSecrets({
    secrets: new Map([
      ['TOKEN', 'hunter22'],
      ['GIT_CLONE_USER', 'x-access-token:ghs_abc'],
    ]),
    host: { HOME: '/nonexistent' },
  });
  expect(shown(port, 'hunter22 ghs_abc x-access-token:ghs_abc')).toBe('*** *** ***');
  expect([port.value('TOKEN'), port.value('NONE')]).toEqual(['hunter22', null]);
  expect([port.optional('GIT_CLONE_USER'), port.optional('TOKEN')]).toEqual([true, false]);
  expect(port.advice('NONE')).toContain('--secret NONE');
});

test("the host's AWS keys are masked before AWS link hands them out", async () => {
  const HOME = scratch();
  mkdirSync(`${HOME}/.aws`);
  writeFileSync(`${HOME}/.aws/credentials`, '[default]\naws_access_key_id=AKIA1\naws_secret_access_key=abc/def+ghi\n');
  const port = runSecrets({ secrets: new Map(), host: { HOME } });
  expect(shown(port, 'key abc/def+ghi')).toBe('key ***');
  expect(await port.aws('eu-west-1')).toEqual({
    variables: {
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIA1',
      AWS_SECRET_ACCESS_KEY: 'abc/def+ghi',
    },
  });
  expect(await runSecrets({ secrets: new Map(), host: { HOME: '/nonexistent' } }).aws('x')).toMatchObject({
    failure: expect.stringContaining('aws configure'),
  });
});

test('each runner has its own id and host name, and nothing else of its own', () => {
  const git = { commit: '', branch: 'main', tag: '', title: '', originUrl: '', repositoryId: '', warning: null };
  const port = runVariables({ git, directoryName: 'app', host: {}, jobId: 1, previewPort: 7080, overrides: {} });
  const runner = (id: string) => ({ id, layer: id as LayerId, copy: null, label: id });
  const [one, two] = [port.all(runner('web')), port.all(runner('web-2'))];
  expect(Object.keys(one).filter((name) => one[name] !== two[name])).toEqual(['RUNNER_ID', 'EXPOSE_WEBSITE_HOST']);
  expect(port.value('EXPOSE_WEBSITE_HOST', runner('web-2'))).toBe('main-web-2.localhost:7080');
  expect(port.value('PULL_REQUEST_URL', runner('web'))).toBeNull();
});
