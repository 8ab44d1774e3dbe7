import { expect, test } from 'vitest';
import { httpsRemote, normaliseRemote, parseRemote, withoutCredentials } from '../../../src/runner/input/remote.ts';

test('all URLs of one repository are one name', () => {
  for (const url of [
    'https://github.com/owner/repo',
    'https://github.com/owner/repo.git',
    'https://github.com/owner/repo.git/',
    'https://x-access-token:ghs_abc@github.com/owner/repo.git',
    'https://GitHub.com:443/owner/repo',
    'http://github.com//owner/repo',
    'ssh://git@github.com/owner/repo.git',
    'ssh://git@github.com:22/owner/repo',
    'git@github.com:owner/repo.git',
    'github.com:owner/repo',
    'git://github.com/owner/repo.git',
    'git+ssh://git@github.com/owner/repo',
  ]) {
    expect(normaliseRemote(url), url).toBe('github.com/owner/repo');
  }
});

test('other repositories are other names', () => {
  const urls = [
    'https://github.com/owner/repo',
    'https://github.com/Owner/repo',
    'https://github.com/owner/repo2',
    'https://gitlab.com/owner/repo',
    'https://github.com:8443/owner/repo',
    'https://gitlab.com/group/sub/repo',
    '/srv/git/repo.git',
    'file:///srv/git/repo.git',
    '../repo',
    'ssh://[::1]:2222/repo',
  ];
  expect(new Set(urls.map(normaliseRemote)).size).toBe(urls.length);
});

test('https is what GIT_CLONE_URL shows, without credentials', () => {
  expect(httpsRemote('git@github.com:owner/repo.git')).toBe('https://github.com/owner/repo.git');
  expect(httpsRemote('https://me:secret@git.example.org:8443/a/b')).toBe('https://git.example.org:8443/a/b.git');
  expect(httpsRemote('/srv/git/repo.git')).toBe('/srv/git/repo.git');
  expect(httpsRemote('C:/x')).toBe('https://c/x.git');
});

test('files and words are no remotes', () => {
  for (const text of ['/srv/x', './x', '../x:y', 'x', '', 'file:///srv/x', 'file://host/x'])
    expect(parseRemote(text), text).toBeNull();
});

test('no credentials in any text', () => {
  expect(withoutCredentials("fatal: unable to access 'https://me:p%40ss@host/x.git/': nope")).toBe(
    "fatal: unable to access 'https://host/x.git/': nope",
  );
  expect(withoutCredentials('git@github.com:a/b and https://host/a@b')).toBe('git@github.com:a/b and https://host/a@b');
});
