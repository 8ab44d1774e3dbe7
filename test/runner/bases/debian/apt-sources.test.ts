import { describe, expect, it } from 'vitest';
import {
  carriedAptOptions,
  chooseMirror,
  parseAptSources,
  sourceLines,
} from '../../../../src/runner/bases/debian/apt-sources.ts';

const deb822 = `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
# URIs: http://commented.example/debian-security
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

describe('the host’s mirror of Debian', () => {
  it('is read from deb822 paragraphs', () => {
    expect(chooseMirror(parseAptSources(deb822, 'deb822'))).toEqual({
      archive: 'http://mirror.example/debian',
      security: 'https://mirror.example/debian-security',
    });
  });

  it('is read from one-line sources', () => {
    const text = `deb [arch=amd64 signed-by=/x y] http://a.example/debian bookworm main # here
deb-src http://src.example/debian bookworm main
#deb http://off.example/debian bookworm main
deb http://a.example/debian-security trixie-security main`;
    expect(chooseMirror(parseAptSources(text, 'list'))).toEqual({
      archive: 'http://a.example/debian',
      security: 'http://a.example/debian-security',
    });
  });

  it.each([
    'deb https://download.docker.com/linux/debian bookworm stable',
    'deb https://deb.nodesource.com/node_20.x nodistro main',
    'deb http://azure.archive.ubuntu.com/ubuntu jammy main',
    'deb https://user:password@mirror.example/debian bookworm main',
    'deb mirror+file:/etc/apt/mirrors/debian.list bookworm main',
    'deb cdrom:[Debian]/debian bookworm main',
    '',
  ])('is not taken from %j', (text) => {
    expect(chooseMirror(parseAptSources(text, 'list')).archive).toBe('http://deb.debian.org/debian');
  });

  it('makes the sources of the machine', () => {
    expect(sourceLines({ archive: 'http://a/debian', security: 'http://b/debian-security' }, 'trixie')).toEqual([
      'deb http://a/debian trixie main',
      'deb http://a/debian trixie-updates main',
      'deb http://b/debian-security trixie-security main',
    ]);
  });
});

it('carries into the machine what apt of the host needs, and no password', () => {
  const dump = `APT "";
Acquire "";
Acquire::Check-Valid-Until "false";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::Proxy "http://user:password@proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::Languages "none";
Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";
DPkg::Post-Invoke:: "rm -rf /";
Acquire::ForceIPv4 "true";`;
  expect(carriedAptOptions(dump)).toEqual([
    'Acquire::Check-Valid-Until "false";',
    'Acquire::http::Proxy "http://proxy.example:3128";',
    'Acquire::http::Proxy::mirror.example "DIRECT";',
    'Acquire::ForceIPv4 "true";',
  ]);
});
