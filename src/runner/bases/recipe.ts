import { createHash } from 'node:crypto';
import { machinePackages } from '../../ir/machine-packages.ts';

/** Raised whenever the same provider and packages would give another file system: what `finish.ts` does, or how archives are unpacked. */
export const recipeVersion = 1;

/** A package as dpkg has it installed. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/**
 * The identity of a base machine: where it came from, what is installed in it to the version, and how it was finished.
 * No clock, no host name and no path of the host goes in, so that two hosts that build the same machine agree.
 */
export function baseDigest(parts: {
  /** `oci sha256:…`, `tarball sha256:…`, `directory sha256:…`, `archive bookworm`. */
  readonly provider: string;
  readonly architecture: string;
  readonly packages: readonly InstalledPackage[];
  /** Lines of configuration that the host gave to the machine (its mirror, its apt options). */
  readonly configuration: readonly string[];
}): string {
  const packages = parts.packages.map((one) => `${one.name}:${one.architecture}=${one.version}`).sort();
  const text = JSON.stringify([recipeVersion, parts.provider, parts.architecture, packages, parts.configuration]);
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

/** Packages that are fully installed, from the text of `/var/lib/dpkg/status` (deb822, see dpkg-query(1)). */
export function parseDpkgStatus(text: string): readonly InstalledPackage[] {
  const packages: InstalledPackage[] = [];
  for (const paragraph of text.split(/\n\n+/)) {
    const field = (name: string): string | null =>
      new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(paragraph)?.[1]?.trim() ?? null;
    const name = field('Package');
    const version = field('Version');
    if (name === null || version === null || field('Status') !== 'install ok installed') continue;
    packages.push({ name, version, architecture: field('Architecture') ?? 'all' });
  }
  return packages;
}

/** The packages of `machinePackages` that are not among those installed. */
export function missingPackages(installed: readonly InstalledPackage[]): readonly string[] {
  const names = new Set(installed.map((one) => one.name));
  return machinePackages.filter((name) => !names.has(name));
}
