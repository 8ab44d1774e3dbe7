import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { artifact, exists } from './artifact.ts';
import { onPath, program, ProgramFailed } from './program.ts';

/** The package that always depends on Debian's newest kernel for virtual machines. */
const metaPackage: Readonly<Record<string, string>> = {
  x64: 'linux-image-cloud-amd64',
  arm64: 'linux-image-cloud-arm64',
};

/** A kernel for guests, from the distribution's package. */
export interface Kernel {
  /** As `uname -r` says: `6.1.0-56-cloud-amd64`. */
  readonly release: string;
  /** What it was unpacked from: package and version. */
  readonly version: string;
  /** Absolute path of the image that QEMU loads. */
  readonly image: string;
  /** Absolute path of the directory that holds `kernel/`, `modules.dep` and its kin. */
  readonly modules: string;
}

/**
 * Downloads the kernel's package with apt and unpacks it below `directory`; nothing is installed on the host. Once: what is there is taken, even if
 * a newer one has come out. Throws a `ProgramFailed` that says what is missing.
 */
export async function prepareKernel(directory: string, signal: AbortSignal): Promise<Kernel> {
  const known = await findKernel(directory);
  if (known !== null) return known;
  for (const tool of ['apt-get', 'dpkg-deb', 'depmod']) {
    if (!(await onPath(tool)))
      throw new ProgramFailed(`${tool} is missing: apt install ${tool === 'depmod' ? 'kmod' : tool}`);
  }
  const meta = metaPackage[process.arch];
  if (meta === undefined) throw new ProgramFailed(`there is no kernel for guests on ${process.arch}`);
  const depends = await program(['apt-cache', 'depends', '--no-recommends', '--no-suggests', meta], { signal });
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new ProgramFailed(`apt does not know the kernel package ${meta}: run apt-get update`);
  await artifact(join(directory, 'kernels', name), async (staged) => {
    await program(['mkdir', '-p', `${staged}/package`], { signal });
    await program(['apt-get', 'download', name], { cwd: staged, signal });
    const [archive] = (await readdir(staged)).filter((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new ProgramFailed(`apt-get downloaded no package ${name}`);
    await program(['dpkg-deb', '-x', join(staged, archive), `${staged}/package`], { signal });
    const release = await releaseOf(`${staged}/package/lib/modules`);
    await program(['depmod', '-b', `${staged}/package`, release], { signal });
    await rename(`${staged}/package/boot/vmlinuz-${release}`, `${staged}/vmlinuz`);
    await rename(`${staged}/package/lib/modules/${release}`, `${staged}/modules`);
    for (const link of ['build', 'source']) await rm(`${staged}/modules/${link}`, { force: true });
    await rename(join(staged, archive), `${staged}/version`).catch(() => {});
    await program(['sh', '-c', 'printf %s "$1" > "$0/version"', staged, archive.replace(/\.deb$/, '')], { signal });
    await rm(`${staged}/package`, { recursive: true });
  });
  const kernel = await findKernel(directory);
  if (kernel === null) throw new ProgramFailed(`the kernel package ${name} holds no kernel`);
  return kernel;
}

async function findKernel(directory: string): Promise<Kernel | null> {
  const kernels = join(directory, 'kernels');
  if (!(await exists(kernels))) return null;
  const names = (await readdir(kernels)).filter((name) => !/\.[0-9a-f]{8}-[0-9a-f-]{27}$/.test(name)).sort();
  const name = names.at(-1);
  if (name === undefined) return null;
  const at = join(kernels, name);
  return {
    release: name.replace(/^linux-image-/, ''),
    version: await readFile(join(at, 'version'), 'utf8'),
    image: join(at, 'vmlinuz'),
    modules: join(at, 'modules'),
  };
}

async function releaseOf(modules: string): Promise<string> {
  const [release] = await readdir(modules);
  if (release === undefined) throw new ProgramFailed('the kernel package holds no modules');
  return release;
}

/** A kernel's module files. */
export interface Modules {
  /** By the module's name, with `_` for each `-`. */
  readonly paths: ReadonlyMap<string, string>;
  /** Those that a file needs, by path. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
}

export async function readModules(kernel: Kernel): Promise<Modules> {
  const needs = new Map<string, readonly string[]>();
  const paths = new Map<string, string>();
  for (const line of (await readFile(join(kernel.modules, 'modules.dep'), 'utf8')).split('\n')) {
    const [path, rest] = line.split(':');
    if (path === undefined || rest === undefined) continue;
    needs.set(path, rest.trim() === '' ? [] : rest.trim().split(' '));
    paths.set(moduleName(path), path);
  }
  return { paths, needs };
}

/** The module files that `names` need, in the order in which they must be loaded; names that are built in or unknown are left out. */
export function modulesFor({ paths, needs }: Modules, names: readonly string[]): readonly string[] {
  const order = new Set<string>();
  const add = (path: string): void => {
    if (order.has(path)) return;
    for (const needed of needs.get(path) ?? []) add(needed);
    order.add(path);
  };
  for (const name of names) {
    const path = paths.get(name);
    if (path !== undefined) add(path);
  }
  return [...order];
}

function moduleName(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.ko(\.\w+)?$/, '').replaceAll('-', '_');
}
