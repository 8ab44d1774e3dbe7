import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BaseError } from '../failure.ts';
import type { BaseHost, BaseWork, Provider } from '../host.ts';
import { isCode, runProgram } from '../program.ts';
import { machinePackages } from '../../../ir/machine-packages.ts';
import { carriedAptOptions, chooseMirror, parseAptSources, sourceLines, type AptSource } from './apt-sources.ts';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const install = 'apt-get install -y mmdebstrap debian-archive-keyring';

/** A base machine from Debian's own archive, by mmdebstrap: needs no registry, only the mirror that the host's apt uses. */
export function debianProvider(codename: string): Provider {
  return {
    title: `Debian's archive (${codename})`,
    find: (work) => {
      const origin = `archive ${codename}`;
      return Promise.resolve({
        origin: null,
        fetch: async () => {
          work.progress({ kind: 'resolving', name: work.name, provider: `Debian's archive (${codename})` });
          await installTools(work);
          const sources = sourceLines(chooseMirror(await readAptSources()), codename);
          const path = join(work.scratch, 'root.tar');
          await debstrap({ work, codename, path, sources });
          return {
            origin,
            exact: false,
            layers: [{ file: { what: `Debian ${codename}`, path, env: work.host.env }, diffId: null }],
            sources,
          };
        },
      });
    },
  };
}

async function debstrap(parts: {
  readonly work: BaseWork;
  readonly codename: string;
  readonly path: string;
  readonly sources: readonly string[];
}): Promise<void> {
  const { work, codename, path, sources } = parts;
  const { host } = work;
  const options = (await aptOptions(host, work.signal)).map((line) => `--aptopt=${line.replace(/;$/, '')}`);
  const build = [
    'mmdebstrap',
    '--mode=root',
    '--format=tar',
    '--variant=minbase',
    `--architectures=${host.architecture}`,
    `--include=${machinePackages.join(',')}`,
    `--keyring=${keyring}`,
    '--skip=output/dev',
    ...options,
    codename,
    path,
    ...sources,
  ];
  // prettier-ignore
  const alone = ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;
  await runProgram([...alone, ...build], {
    what: `mmdebstrap ${codename}`,
    remedy: install,
    env: { ...host.env, TMPDIR: work.scratch, LC_ALL: 'C.UTF-8' },
    onLine: (line) => work.progress({ kind: 'building', name: work.name, line: line.replace(/^[A-Z]: /, '') }),
    signal: work.signal,
  });
}

/** Options of the host's apt that the machine's needs too; none where the host has no apt. */
export async function aptOptions(host: BaseHost, signal: AbortSignal): Promise<readonly string[]> {
  let dump = '';
  try {
    await runProgram(['apt-config', 'dump'], {
      what: 'apt-config',
      remedy: 'apt-get install apt',
      env: host.env,
      signal,
      readStdout: async (stdout) => {
        for await (const chunk of stdout) dump += String(chunk);
      },
    });
  } catch (error) {
    if (error instanceof BaseError && error.failure.kind !== 'cancelled') return [];
    throw error;
  }
  return carriedAptOptions(dump);
}

async function installTools(work: BaseWork): Promise<void> {
  const { host, signal } = work;
  if ((await isThere(keyring)) && (await runs('mmdebstrap', host, signal))) return;
  const mayInstall = await runs('apt-get', host, signal);
  const missing = new BaseError({ kind: 'missing-tool', tool: 'mmdebstrap', remedy: `run \`${install}\` as root` });
  if (!mayInstall) throw missing;
  const apt = (...args: readonly string[]): Promise<void> =>
    runProgram(['apt-get', '-y', ...args], {
      what: `apt-get ${args[0]}`,
      remedy: install,
      env: { ...host.env, DEBIAN_FRONTEND: 'noninteractive' },
      onLine: (line) => work.progress({ kind: 'installing', name: work.name, line }),
      signal,
    });
  work.progress({ kind: 'installing', name: work.name, line: install });
  try {
    await apt('update');
    await apt('install', '--no-install-recommends', 'mmdebstrap', 'debian-archive-keyring');
  } catch (error) {
    if (error instanceof BaseError && error.failure.kind !== 'cancelled') throw missing;
    throw error;
  }
}

async function runs(program: string, host: BaseHost, signal: AbortSignal): Promise<boolean> {
  try {
    await runProgram([program, '--version'], { what: program, remedy: install, env: host.env, signal });
    return true;
  } catch (error) {
    if (error instanceof BaseError && error.failure.kind === 'missing-tool') return false;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function readAptSources(): Promise<readonly AptSource[]> {
  const sources: AptSource[] = [...parseAptSources(await readOr('/etc/apt/sources.list'), 'list')];
  const directory = '/etc/apt/sources.list.d';
  for (const name of (await readdir(directory).catch((): string[] => [])).sort()) {
    const text = await readOr(join(directory, name));
    if (name.endsWith('.list')) sources.push(...parseAptSources(text, 'list'));
    if (name.endsWith('.sources')) sources.push(...parseAptSources(text, 'deb822'));
  }
  return sources;
}

async function readOr(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'EACCES')) return '';
    throw error;
  }
}
