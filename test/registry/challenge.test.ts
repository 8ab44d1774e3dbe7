import { expect, it } from 'vitest';
import { parseChallenge } from '../../src/registry/challenge.ts';

it.each([
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/ubuntu:pull"',
    {
      scheme: 'bearer',
      realm: 'https://auth.docker.io/token',
      service: 'registry.docker.io',
      scope: 'repository:library/ubuntu:pull',
    },
  ],
  [
    'bearer realm="https://ghcr.io/token", scope="repository:a/b:pull,push" , service=ghcr.io',
    { scheme: 'bearer', realm: 'https://ghcr.io/token', service: 'ghcr.io', scope: 'repository:a/b:pull,push' },
  ],
  [
    'Basic realm="x", Bearer realm="https://a/t"',
    { scheme: 'bearer', realm: 'https://a/t', service: null, scope: null },
  ],
  [
    String.raw`Bearer realm="https://a/\"t\""`,
    { scheme: 'bearer', realm: 'https://a/"t"', service: null, scope: null },
  ],
  ['Basic realm="basic-realm"', { scheme: 'basic' }],
  ['basic', { scheme: 'basic' }],
  ['Bearer', null],
  ['Bearer scope="x"', null],
  ['Negotiate', null],
  ['', null],
])('reads %s', (header, expected) => {
  expect(parseChallenge(header)).toEqual(expected);
});
