import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readAwsCredentials } from '../../../src/runner/input/aws.ts';
import { scratch } from './workspace.ts';

function home(credentials: string, config = ''): string {
  const directory = scratch();
  mkdirSync(`${directory}/.aws`);
  writeFileSync(`${directory}/real`, credentials);
  symlinkSync('../real', `${directory}/.aws/credentials`);
  writeFileSync(`${directory}/.aws/config`, config);
  return directory;
}
const region = 'eu-west-1';
const variables = { AWS_REGION: region, AWS_DEFAULT_REGION: region };

test('the environment comes first', () => {
  const host = {
    AWS_ACCESS_KEY_ID: 'AK',
    AWS_SECRET_ACCESS_KEY: 'SK',
    HOME: home('[default]\naws_access_key_id=other\naws_secret_access_key=o'),
  };
  const secrets = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' };
  expect(readAwsCredentials({ region, host })).toEqual({ found: true, secrets, variables });
  expect(readAwsCredentials({ region, host: { ...host, AWS_SESSION_TOKEN: 'T' } })).toMatchObject({
    secrets: { AWS_SESSION_TOKEN: 'T' },
  });
});

test('then a profile of the shared files', () => {
  const HOME = home(
    '# mine\n[default]\naws_access_key_id = AK1 # old\naws_secret_access_key = a#b/c+=\n\n[ci]\naws_access_key_id=AK2\naws_secret_access_key=SK2\naws_session_token=T2\n',
    '[profile tools]\naws_access_key_id=AK3\naws_secret_access_key=SK3\ns3 =\n  aws_access_key_id = nested\n[profile sso]\nsso_session = x\n',
  );
  const keys = (profile?: string) => {
    const found = readAwsCredentials({ region, host: { HOME, AWS_PROFILE: profile } });
    return found.found ? Object.values(found.secrets).join(' ') : found.why;
  };
  expect(keys()).toBe('AK1 a#b/c+=');
  expect(keys('ci')).toBe('AK2 SK2 T2');
  expect(keys('tools')).toBe('AK3 SK3');
  expect(keys('sso')).toContain('export-credentials --profile sso');
  expect(keys('none; rm')).toContain('no AWS credentials');
});

test('files that are named are read, and nothing at all says what to do', () => {
  const file = `${scratch()}/keys`;
  writeFileSync(file, '[default]\naws_access_key_id=AK\naws_secret_access_key=SK\n');
  expect(readAwsCredentials({ region, host: { AWS_SHARED_CREDENTIALS_FILE: file } })).toMatchObject({ found: true });
  expect(readAwsCredentials({ region, host: { HOME: '/nonexistent' } })).toMatchObject({
    found: false,
    why: expect.stringContaining('aws configure'),
  });
});
