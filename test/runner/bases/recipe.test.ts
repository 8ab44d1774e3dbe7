import { describe, expect, it } from 'vitest';
import { machinePackages } from '../../../src/ir/machine-packages.ts';
import { baseDigest, missingPackages, parseDpkgStatus } from '../../../src/runner/bases/recipe.ts';

const status = `Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b7
Description: GNU Bourne Again SHell
 Package: not-a-field
 .
 Version: 9

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: tzdata
Status: install ok installed
Architecture: all
Version: 2025b-0+deb12u2
`;

describe('what dpkg has installed', () => {
  it('leaves out what is removed, and reads no field from a description', () => {
    expect(parseDpkgStatus(status)).toEqual([
      { name: 'bash', version: '5.2.15-2+b7', architecture: 'amd64' },
      { name: 'tzdata', version: '2025b-0+deb12u2', architecture: 'all' },
    ]);
  });

  it('tells what of the set is missing', () => {
    expect(missingPackages(parseDpkgStatus(status))).toEqual(machinePackages.filter((name) => name !== 'bash'));
  });
});

describe('the identity of a base machine', () => {
  const parts = {
    provider: 'archive bookworm',
    architecture: 'amd64',
    packages: parseDpkgStatus(status),
    configuration: [],
  };

  it('does not depend on the order in which packages are found', () => {
    expect(baseDigest({ ...parts, packages: [...parts.packages].reverse() })).toBe(baseDigest(parts));
  });

  it('is another for another provider, architecture, package version or configuration', () => {
    const others = [
      { ...parts, provider: 'archive trixie' },
      { ...parts, architecture: 'arm64' },
      { ...parts, packages: parts.packages.map((one) => ({ ...one, version: `${one.version}+1` })) },
      { ...parts, packages: parts.packages.slice(1) },
      { ...parts, configuration: ['deb http://mirror bookworm main'] },
    ];
    expect(new Set([parts, ...others].map(baseDigest)).size).toBe(6);
  });
});
