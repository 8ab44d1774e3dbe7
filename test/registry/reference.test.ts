import { describe, expect, it } from 'vitest';
import { parseMirrors, parseReference, printReference, registryUrl } from '../../src/registry/reference.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('an image name', () => {
  it.each([
    ['ubuntu', 'docker.io/library/ubuntu:latest'],
    ['ubuntu:22.04', 'docker.io/library/ubuntu:22.04'],
    ['docker.io/ubuntu:22.04', 'docker.io/library/ubuntu:22.04'],
    ['index.docker.io/library/ubuntu', 'docker.io/library/ubuntu:latest'],
    ['org/name', 'docker.io/org/name:latest'],
    ['ghcr.io/a/b/c:v1', 'ghcr.io/a/b/c:v1'],
    ['localhost/x', 'localhost/x:latest'],
    ['localhost:5000/x:y', 'localhost:5000/x:y'],
    ['127.0.0.1:5000/x', '127.0.0.1:5000/x:latest'],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    [`debian@${digest}`, `docker.io/library/debian@${digest}`],
    [`debian:12@${digest}`, `docker.io/library/debian:12@${digest}`],
  ])('reads %s', (text, printed) => {
    const reference = parseReference(text);
    expect(reference && printReference(reference)).toBe(printed);
  });

  it.each([
    '',
    'UPPER/Case',
    'a b',
    'a:',
    'a@sha256:12',
    'a@md5:0',
    '../etc/passwd',
    'x/../y',
    'a//b',
    '-a',
    'a:tag/b',
    'a?b',
    'a#b',
    'user@host/x',
  ])('refuses %j', (text) => {
    expect(parseReference(text)).toBeNull();
  });
});

describe('where a registry is', () => {
  it.each([
    ['docker.io', 'https://registry-1.docker.io'],
    ['ghcr.io', 'https://ghcr.io'],
    ['localhost:5000', 'http://localhost:5000'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000'],
    ['[::1]:5000', 'http://[::1]:5000'],
    ['127.0.0.1.example.org', 'https://127.0.0.1.example.org'],
    ['localhost.example.org', 'https://localhost.example.org'],
  ])('%s is at %s', (registry, url) => {
    expect(registryUrl(registry, {})).toBe(url);
  });

  it('is its mirror where there is one', () => {
    const mirrors = parseMirrors('https://hub.example/, ghcr.io=http://127.0.0.1:5000/ghcr');
    expect(registryUrl('docker.io', mirrors)).toBe('https://hub.example');
    expect(registryUrl('ghcr.io', mirrors)).toBe('http://127.0.0.1:5000/ghcr');
    expect(registryUrl('quay.io', mirrors)).toBe('https://quay.io');
  });
});
