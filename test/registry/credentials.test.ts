import { expect, it } from 'vitest';
import { findCredentials, parseProgramAnswer } from '../../src/registry/credentials.ts';

const auth = (pair: string): string => Buffer.from(pair).toString('base64');
const config = (value: unknown): string => JSON.stringify(value);

it('finds the login that docker login wrote', () => {
  const text = config({
    auths: { 'ghcr.io': { auth: auth('me:p:w') }, 'https://index.docker.io/v1/': { auth: auth('hub:x') } },
  });
  expect(findCredentials(text, 'ghcr.io')).toEqual({ kind: 'inline', credentials: { user: 'me', password: 'p:w' } });
  expect(findCredentials(text, 'docker.io')).toEqual({ kind: 'inline', credentials: { user: 'hub', password: 'x' } });
  expect(findCredentials(text, 'quay.io')).toEqual({ kind: 'none' });
});

it('reads a registry that is written as an address', () => {
  const text = config({ auths: { 'https://registry.example/v1/': { auth: auth('a:b') } } });
  expect(findCredentials(text, 'registry.example')).toMatchObject({ kind: 'inline' });
});

it('names the credential program, of this registry before that of all', () => {
  const text = config({ credsStore: 'desktop', credHelpers: { 'ghcr.io': 'gh' }, auths: { 'quay.io': {} } });
  expect(findCredentials(text, 'ghcr.io')).toEqual({
    kind: 'program',
    program: 'docker-credential-gh',
    server: 'ghcr.io',
  });
  expect(findCredentials(text, 'quay.io')).toEqual({
    kind: 'program',
    program: 'docker-credential-desktop',
    server: 'quay.io',
  });
});

it.each([
  '',
  'no json',
  '[]',
  'null',
  config({ auths: 3 }),
  config({ auths: { 'a.b': { auth: 'bm9jb2xvbg==' } } }),
  config({ credsStore: '../x y' }),
])('has no credentials in %j', (text) => {
  expect(findCredentials(text, 'a.b')).toEqual({ kind: 'none' });
});

it('reads what the program prints', () => {
  expect(parseProgramAnswer('{"ServerURL":"x","Username":"u","Secret":"s"}')).toEqual({ user: 'u', password: 's' });
  expect(parseProgramAnswer('credentials not found')).toBeNull();
});
