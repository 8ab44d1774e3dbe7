import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BaseSource } from '../../../src/ir/ir.ts';
import { describeBaseFailure } from '../../../src/runner/bases/failure.ts';
import type { BaseHost, BaseProgress } from '../../../src/runner/bases/host.ts';
import { prepareBase, type Prepared, type Refresh } from '../../../src/runner/bases/prepare.ts';
import { machinePackages } from '../../../src/ir/machine-packages.ts';
import { parseDpkgStatus } from '../../../src/runner/bases/recipe.ts';
import type { BaseMachine } from '../../../src/runner/driver.ts';
import { debianBase, testBaseHost } from '../../support/base-machine.ts';
import { scratch } from '../../support/scratch.ts';
import { Pusher, tarOf } from './support/push.ts';
import { startRegistry, type RegistryServer } from './support/registry-server.ts';

let debian: BaseMachine;
let registry: RegistryServer;
beforeAll(async () => {
  debian = await debianBase();
  registry = await startRegistry('none');
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
});

async function prepare(
  name: string,
  source: BaseSource,
  options: { readonly host: BaseHost; readonly refresh?: Refresh; readonly signal?: AbortSignal },
): Promise<{ readonly prepared: Prepared; readonly events: readonly BaseProgress[] }> {
  const events: BaseProgress[] = [];
  const prepared = await prepareBase({
    name,
    source,
    refresh: options.refresh ?? { kind: 'never' },
    host: options.host,
    progress: (event) => void events.push(event),
    signal: options.signal ?? new AbortController().signal,
  });
  return { prepared, events };
}

function ready(prepared: Prepared): BaseMachine {
  if (prepared.kind === 'failed') throw new Error(describeBaseFailure(prepared.failure));
  return prepared.base;
}

/** The rest of a store that should hold nothing but finished machines. */
const leftovers = (host: BaseHost): readonly string[] => {
  const staging = join(host.directory, 'staging');
  return existsSync(staging) ? readdirSync(staging) : [];
};

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

/** Runs a program in the base machine, with a layer of its own over it: the base stays as it is. */
function ask(...argv: readonly [string, ...string[]]): string {
  const over =
    'mount -t tmpfs tmpfs "$1"; mkdir "$1"/{upper,work,root}; mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" x "$1/root"';
  const script = `${over}; touch "$1/root/dev/null"; mount --bind /dev/null "$1/root/dev/null"; root=$1/root; shift 2; exec chroot "$root" "$@"`;
  return execFileSync('unshare', ['--mount', 'bash', '-ec', script, 'bash', scratch(), debian.root, ...argv], {
    encoding: 'utf8',
  });
}

/** Left out of test machines, for they only make them bigger. */
const heavy = [
  'usr/share/doc',
  'usr/share/locale',
  'usr/share/man',
  'usr/share/perl',
  'usr/lib/git-core',
  'usr/lib/python3.11',
  'usr/lib/gcc',
];

/** A tar of Debian's root that holds enough to be a base machine. */
function smallDebian(...options: readonly string[]): Uint8Array {
  const leaveOut = heavy.map((path) => `--exclude=./${path}/*`);
  // prettier-ignore
  return execFileSync('tar', ['--create', '--numeric-owner', ...leaveOut, `--directory=${debian.root}`, ...options, '.'], { maxBuffer: 1 << 30 });
}

/** What dpkg would have installed if some packages were not. */
function statusWithout(names: readonly string[]): string {
  const status = readFileSync(join(debian.root, 'var/lib/dpkg/status'), 'utf8');
  return status
    .split('\n\n')
    .filter((paragraph) => !names.some((name) => paragraph.startsWith(`Package: ${name}\n`)))
    .join('\n\n');
}

describe('vm/debian:12 from Debian’s archive', () => {
  it('has what every base machine has', () => {
    const names = parseDpkgStatus(readFileSync(join(debian.root, 'var/lib/dpkg/status'), 'utf8')).map(
      (one) => one.name,
    );
    expect(machinePackages.filter((name) => !names.includes(name))).toEqual([]);
    expect(readFileSync(join(debian.root, 'etc/debian_version'), 'utf8')).toMatch(/^12\./);
    expect(mode(join(debian.root, 'root'))).toBe('770');
    expect(readFileSync(join(debian.root, 'etc/apt/apt.conf.d/90layer'), 'utf8')).toContain(
      'APT::Get::Assume-Yes "true";',
    );
    expect(ask('apt-config', 'dump', 'APT::Get::Assume-Yes').trim()).toBe('APT::Get::Assume-Yes "true";');
    expect(ask('git', '--version')).toMatch(/^git version/);
    expect(ask('python3', '-c', 'print(6 * 7)').trim()).toBe('42');
  });

  it('has nothing of the host and nothing of a former boot', () => {
    for (const name of ['resolv.conf', 'hosts', 'hostname', 'machine-id']) {
      const path = join(debian.root, 'etc', name);
      expect(lstatSync(path).isFile() && statSync(path).size === 0, name).toBe(true);
    }
    for (const name of ['dev', 'proc', 'sys', 'tmp', 'var/tmp', 'var/lib/apt/lists'])
      expect(readdirSync(join(debian.root, name)), name).toEqual([]);
    expect(existsSync(join(debian.root, 'etc/apt/apt.conf.d/99mmdebstrap'))).toBe(false);
  });

  it('starts no service of a package unless systemd runs', () => {
    const policy = join(debian.root, 'usr/sbin/policy-rc.d');
    expect(mode(policy)).toBe('755');
    expect(ask('sh', '-c', '/usr/sbin/policy-rc.d; echo $?').trim()).toBe('101');
    expect(ask('sh', '-c', 'mkdir /run/systemd/system -p; /usr/sbin/policy-rc.d; echo $?').trim()).toBe('0');
  });

  it('lies under its digest', () => {
    expect(debian.root).toContain(`/${debian.digest.slice('sha256:'.length)}/root`);
    const description = JSON.parse(readFileSync(join(debian.root, '../base.json'), 'utf8')) as { digest: string };
    expect(description.digest).toBe(debian.digest);
  });

  it('leaves nothing when it is cancelled in the middle', async () => {
    const host = testBaseHost(join(scratch(), 'bases'));
    const aborter = new AbortController();
    const events: BaseProgress[] = [];
    const prepared = await prepareBase({
      name: 'vm/debian:12',
      source: { kind: 'known' },
      refresh: { kind: 'never' },
      host,
      progress: (event) => {
        events.push(event);
        if (event.kind === 'building' && /extracting|installing essential/.test(event.line)) aborter.abort();
      },
      signal: aborter.signal,
    });
    expect(prepared).toEqual({ kind: 'failed', failure: { kind: 'cancelled' } });
    expect(events.some((event) => event.kind === 'falling-back')).toBe(false);
    expect(leftovers(host)).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(host.directory);
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(host.directory);
  });
});

describe('an image of a registry', () => {
  it('gets the packages that it lacks, and is known again without a download', async () => {
    const tar = smallDebian();
    const pusher = new Pusher(registry, 'library/ubuntu');
    const { manifest } = await pusher.image('22.04', {
      architecture: testBaseHost('').architecture,
      layers: [
        { tar, compression: 'none' },
        {
          tar: await tarOf([
            { path: 'opt/image', text: 'from the image' },
            { path: 'var/lib/dpkg/status', text: statusWithout(['unzip', 'lsb-release']) },
            { path: 'etc/.wh.issue.net', text: '' },
            { path: 'etc/apt/apt.conf.d/docker-clean', text: '' },
          ]),
          compression: 'zstd',
        },
      ],
    });
    const host = { ...testBaseHost(join(scratch(), 'bases')), mirrors: { 'docker.io': `http://${registry.host}` } };
    const first = await prepare('vm/ubuntu:22.04', { kind: 'known' }, { host });
    const base = ready(first.prepared);
    const names = parseDpkgStatus(readFileSync(join(base.root, 'var/lib/dpkg/status'), 'utf8')).map((one) => one.name);
    expect(machinePackages.filter((name) => !names.includes(name))).toEqual([]);
    expect(first.events.map((event) => event.kind)).toEqual(
      expect.arrayContaining(['resolving', 'downloading', 'unpacking', 'installing', 'ready']),
    );
    expect(readFileSync(join(base.root, 'opt/image'), 'utf8')).toBe('from the image');
    expect(existsSync(join(base.root, 'etc/issue.net'))).toBe(false);
    expect(existsSync(join(base.root, 'etc/apt/apt.conf.d/docker-clean'))).toBe(false);
    expect(readdirSync(join(base.root, 'dev'))).toEqual([]);
    expect(JSON.parse(readFileSync(join(base.root, '../base.json'), 'utf8'))).toMatchObject({
      origin: `oci ${manifest.digest}`,
    });
    expect(leftovers(host)).toEqual([]);
    expect(existsSync(join(host.directory, 'blobs'))).toBe(false);

    const second = await prepare('vm/ubuntu:22.04', { kind: 'known' }, { host });
    expect([ready(second.prepared), second.events]).toEqual([base, []]);
    const refreshed = await prepare('vm/ubuntu:22.04', { kind: 'known' }, { host, refresh: { kind: 'now' } });
    expect(ready(refreshed.prepared)).toEqual(base);
    expect(refreshed.events.map((event) => event.kind)).toEqual(['resolving']);
    const young = await prepare(
      'vm/ubuntu:22.04',
      { kind: 'known' },
      { host, refresh: { kind: 'older', thanMs: 3_600_000 } },
    );
    expect(young.events).toEqual([]);
    const old = await prepare(
      'vm/ubuntu:22.04',
      { kind: 'known' },
      { host: { ...host, now: () => Date.now() + 7_200_000 }, refresh: { kind: 'older', thanMs: 3_600_000 } },
    );
    expect(old.events.map((event) => event.kind)).toEqual(['resolving']);
  });

  it('without apt or bash is none, by name', async () => {
    await new Pusher(registry, 'a/empty').image('v1', {
      architecture: testBaseHost('').architecture,
      layers: [{ tar: await tarOf([{ path: 'hello', text: 'x' }]), compression: 'gzip' }],
    });
    const host = testBaseHost(join(scratch(), 'bases'));
    const { prepared } = await prepare(
      'vm/mine:1',
      { kind: 'oci', reference: `${registry.host}/a/empty:v1` },
      { host },
    );
    expect(prepared.kind === 'failed' && describeBaseFailure(prepared.failure)).toMatch(
      /cannot be a base machine: it has no bash and no apt$/,
    );
    expect(leftovers(host)).toEqual([]);
  });
});

describe('a tarball and a directory', () => {
  it('make the same machine as often as they are asked, by content', async () => {
    const archive = join(scratch(), 'root.tar.zst');
    writeFileSync(archive, smallDebian('--zstd'));
    const host = { ...testBaseHost(join(scratch(), 'bases')), repositoryRoot: join(archive, '..') };
    const source: BaseSource = { kind: 'tarball', path: 'root.tar.zst' };
    // Two at once make one.
    const both = await Promise.all([prepare('vm/mine:1', source, { host }), prepare('vm/mine:1', source, { host })]);
    const [one, two] = both.map((result) => ready(result.prepared));
    expect(one).toEqual(two);
    const kinds = both.map((result) => result.events.map((event) => event.kind)).sort((a, b) => a.length - b.length);
    expect(kinds[0]).toEqual(['waiting']);
    expect(kinds[1]).toContain('ready');
    const origin = `tarball sha256:${createHash('sha256').update(readFileSync(archive)).digest('hex')}`;
    expect(JSON.parse(readFileSync(join(one?.root ?? '', '../base.json'), 'utf8'))).toMatchObject({ origin });
    expect(readlinkSync(join(one?.root ?? '', 'bin'))).toBe('usr/bin');

    // The machine that was made, taken as a directory, is the same packages from somewhere else; times make no difference.
    const directory: BaseSource = { kind: 'directory', path: one?.root ?? '' };
    const left = ready((await prepare('vm/mine:2', directory, { host })).prepared);
    execFileSync('touch', [join(one?.root ?? '', 'etc/passwd'), join(one?.root ?? '', 'usr')]);
    const again = await prepare('vm/mine:2', directory, { host, refresh: { kind: 'now' } });
    expect(ready(again.prepared)).toEqual(left);
    expect(left.digest).not.toBe(one?.digest);
    writeFileSync(join(one?.root ?? '', 'etc/more'), 'x');
    expect(ready((await prepare('vm/mine:2', directory, { host, refresh: { kind: 'now' } })).prepared).digest).not.toBe(
      left.digest,
    );
  });

  it('that hold what must not be unpacked are refused, and touch nothing', async () => {
    const outside = join(scratch(), 'outside');
    const archive = join(scratch(), 'bad.tar');
    writeFileSync(
      archive,
      await tarOf([
        { path: 'bin/bash', text: 'x' },
        { path: 'usr/bin/apt-get', text: 'x' },
        { path: 'way', link: join(outside, '..') },
        { path: 'way/outside', text: 'owned' },
      ]),
    );
    const host = testBaseHost(join(scratch(), 'bases'));
    const { prepared } = await prepare('vm/bad:1', { kind: 'tarball', path: archive }, { host });
    expect(prepared).toMatchObject({
      kind: 'failed',
      failure: { kind: 'refused', path: 'way/outside', why: 'it would be written through the link way' },
    });
    expect(existsSync(outside)).toBe(false);
    expect(leftovers(host)).toEqual([]);
  });

  it.each([
    [{ kind: 'tarball', path: 'nothing.tar' }, 'there is no tarball nothing.tar'],
    [{ kind: 'directory', path: 'nothing' }, 'there is no directory nothing'],
    [{ kind: 'directory', path: 'file' }, 'the directory file cannot be read: it is no directory'],
    [{ kind: 'tarball', path: 'file' }, /^the tarball file cannot be read: /],
    [
      { kind: 'oci', reference: 'No/Image' },
      'the image name "No/Image" cannot be read: expected [registry/]name[:tag][@sha256:…]',
    ],
    [{ kind: 'known' }, /^there is no base machine vm\/x:1; known are vm\/debian:12, vm\/debian:13, vm\/ubuntu:18.04,/],
  ] satisfies [BaseSource, string | RegExp][])('that are not there are named: %j', async (source, message) => {
    const directory = scratch({ file: 'this is no archive, for sure it is none'.repeat(40) });
    const host = { ...testBaseHost(join(directory, 'bases')), repositoryRoot: directory };
    const { prepared } = await prepare('vm/x:1', source, { host });
    expect(prepared.kind === 'failed' && describeBaseFailure(prepared.failure)).toMatch(message);
  });
});

it('says what to install where mmdebstrap is missing and the image cannot be reached either', async () => {
  const programs = scratch({ 'bin/rm': { link: '/bin/rm' }, 'bin/sync': { link: '/bin/sync' } });
  const base = testBaseHost(join(scratch(), 'bases'));
  const host: BaseHost = {
    ...base,
    mirrors: { 'docker.io': 'http://127.0.0.1:1' },
    env: { PATH: `${programs}/bin` },
  };

  const { prepared, events } = await prepare('vm/debian:12', { kind: 'known' }, { host });
  const said = prepared.kind === 'failed' ? describeBaseFailure(prepared.failure) : '';
  expect(said).toContain(
    'mmdebstrap is not installed: run `apt-get install -y mmdebstrap debian-archive-keyring` as root',
  );
  expect(said).toContain('the image docker.io/library/debian:12: ');
  expect(events.filter((event) => event.kind === 'falling-back')).toHaveLength(1);
});
