import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestPath, RepoPath } from '../../../../src/host.ts';
import { MachineLost } from '../../../../src/runner/driver.ts';
import type { FusePort } from '../../../../src/runner/drivers/vm/fuse-port.ts';
import { connectFuse } from '../../../../src/runner/drivers/vm/fuse-port.ts';
import { serveViewsOverStream } from '../../../../src/runner/fuse/stream-server.ts';
import type { StreamViewServer } from '../../../../src/runner/fuse/view-server.ts';
import type { ViewSpec } from '../../../../src/runner/view/view.ts';
import { writeManifestOf } from '../../fuse/served.ts';
import { leadingOut, linked, makeLinks } from '../contract.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { launch, run, TestGuest } from './guest-launcher.ts';

describe('a guest', () => {
  let guest: TestGuest;
  const directory = mkdtempSync(join(tmpdir(), 'layer-guest-base-'));
  beforeAll(async () => {
    mkdirSync(join(directory, 'root'));
    guest = await TestGuest.boot(buildTinyBase(join(directory, 'root')), { memoryMegabytes: 512 });
  });
  afterAll(async () => {
    await guest?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  describe('runs commands', () => {
    it('to the exit code or signal of bash', async () => {
      expect(await run(guest.agent, 'echo hello; exit 7')).toEqual({ output: 'hello\n', code: 7 });
      expect((await run(guest.agent, 'kill -TERM $$')).code).toBe(128 + 15);
      expect(await run(guest.agent, 'true\nnonesuch')).toEqual({
        output: 'bash: line 2: nonesuch: command not found\n',
        code: 127,
      });
    });

    it('with exactly the environment asked for, no input and no terminal', async () => {
      const env = { PATH: '/bin', EMPTY: '', LINES: 'a\nb', QUOTES: `'"$x` };
      const { output } = await run(
        guest.agent,
        'tr "\\0" "\\n" < /proc/$$/environ; cat; test -t 1 || echo none; umask',
        {
          env,
        },
      );
      expect(output).toBe(`PATH=/bin\nEMPTY=\nLINES=a\nb\nQUOTES='"$x\nnone\n0022\n`);
    });

    it('as any user, without rights', async () => {
      const as = { uid: 1000, gid: 1001, groups: [1001, 0], cwd: '/tmp' };
      const { output } = await run(guest.agent, 'id -u; id -g; id -G; grep CapEff /proc/self/status | cut -f2', as);
      expect(output).toBe('1000\n1001\n1001 0\n0000000000000000\n');
      expect((await run(guest.agent, 'true', { cwd: '/nonesuch' })).code).toBe(126);
    });

    it('that ignore signals, and kills them with all they started', async () => {
      const heard = Promise.withResolvers<void>();
      const job = guest.agent.exec(
        launch('trap "" TERM HUP INT; setsid sleep 1234 & echo up; while true; do sleep 1; done'),
        {
          stays: false,
          output: () => heard.resolve(),
        },
      );
      await heard.promise;
      await expect.poll(async () => (await guest.agent.jobs()).map((one) => one.process)).toContain('sleep');
      await guest.agent.kill(job.id);
      expect(await job.ended).toMatchObject({ signal: 9 });
      expect(await guest.agent.jobs()).toEqual([]);
    });
  });

  describe('passes output on', () => {
    it('in order, byte for byte, to the end of bash and not of its pipes', async () => {
      const { output } = await run(
        guest.agent,
        String.raw`sleep 30 & printf '\377\0\200'; echo a; echo b >&2; head -c 300000 /dev/zero`,
      );
      expect(output.length).toBe(7 + 300_000);
      expect(output.slice(0, 7)).toBe('\xff\0\x80a\nb\n');
      await run(guest.agent, 'killall sleep');
    });

    it('in any amount', async () => {
      let bytes = 0;
      const job = guest.agent.exec(launch('head -c 9437184 /dev/zero'), {
        stays: false,
        output: (chunk) => (bytes += chunk.length),
      });
      expect(await job.ended).toMatchObject({ code: 0 });
      expect(bytes).toBe(9 << 20);
    });

    it('of scripts of any length', async () => {
      const filler = Array.from({ length: 4_000 }, (_, at) => `: line ${at} ${'x'.repeat(80)}`).join('\n');
      expect((await run(guest.agent, `${filler}\necho end`)).output).toBe('end\n');
    });

    it('of terminals, which it feeds and resizes', async () => {
      let said = '';
      const job = guest.agent.terminal(
        launch('stty size; read -r line; stty size; echo "got $line"; test -t 0 && exit 5'),
        {
          columns: 91,
          rows: 33,
          output: (chunk) => (said += Buffer.from(chunk).toString()),
        },
      );
      await expect.poll(() => said, { timeout: 20_000 }).toContain('33 91');
      job.resize(70, 20);
      job.type(Buffer.from('words\r'));
      expect(await job.ended).toMatchObject({ code: 5 });
      expect(said).toContain('20 70');
      expect(said).toContain('got words');
    });

    it('across connections: nothing is lost, nothing comes twice', async () => {
      const parts: Buffer[] = [];
      const hear = (chunk: Uint8Array): void => void parts.push(Buffer.from(chunk));
      const count = (): number => parts.reduce((sum, part) => sum + part.length, 0);
      let job = guest.agent.exec(
        launch('i=0; while [ $i -lt 4000 ]; do echo "line $i of what must all arrive"; i=$((i+1)); done'),
        {
          stays: false,
          output: hear,
        },
      );
      await job.started;
      for (const least of [1, 20_000, 60_000]) {
        while (count() < least) await sleep(1);
        await guest.reconnect();
        job = guest.agent.attach(job.id, hear);
      }
      expect(await job.ended).toMatchObject({ code: 0 });
      const expected = Array.from({ length: 4000 }, (_, at) => `line ${at} of what must all arrive\n`).join('');
      expect(Buffer.concat(parts).toString()).toBe(expected);
    });

    it('and tells a later end how a job ended meanwhile', async () => {
      const job = guest.agent.exec(launch('read -r line < /tmp/go; echo "$line"; exit 9'), {
        stays: true,
        output: () => {},
      });
      await run(guest.agent, 'rm -f /tmp/go; mkfifo /tmp/go');
      const again = guest.agent.exec(launch('read -r line < /tmp/go; echo "$line"; exit 9'), {
        stays: true,
        output: () => {},
      });
      await again.started;
      await guest.reconnect();
      await run(guest.agent, 'echo word > /tmp/go');
      let said = '';
      const attached = guest.agent.attach(again.id, (chunk) => (said += Buffer.from(chunk).toString()));
      expect(await attached.ended).toMatchObject({ code: 9 });
      expect(said).toBe('word\n');
      await expect(guest.agent.attach(job.id, () => {}).started).rejects.toThrow('no such job');
    });
  });

  describe('knows its files', () => {
    const hostile = Buffer.from('/tmp/files/a\nb \xff "\'$x', 'latin1');

    it('by paths with every link followed, inside its root', async () => {
      await run(guest.agent, makeLinks);
      const at = async (path: string): Promise<string> => {
        const found = await guest.agent.resolve(path);
        return `${found.path.toString()} ${found.kind} ${found.ancestors.length}`;
      };
      for (const [path, found] of Object.entries({ ...linked, ...leadingOut }))
        expect(await at(path), path).toBe(found);
      expect(await at('/dev/null')).toBe('/dev/null other 2');
      expect((await guest.agent.resolve('/d')).ancestors[1]).toEqual({ mode: 0o751, uid: 0, gid: 0 });
      await expect(guest.agent.resolve('/d/loop')).rejects.toThrow('symbolic links');
    });

    it('by names of any bytes', async () => {
      await guest.agent.makeDirectory('/tmp/files', { mode: 0o750, uid: 3, gid: 4 });
      await guest.agent.write(hostile, Buffer.from([0, 255, 10]), { mode: 0o640, uid: 1, gid: 2 });
      expect(await guest.agent.read(hostile)).toEqual(Buffer.from([0, 255, 10]));
      expect((await guest.agent.resolve(hostile)).path).toEqual(hostile);
      expect((await run(guest.agent, 'stat -c "%a %u %g" /tmp/files /tmp/files/*')).output).toBe('750 3 4\n640 1 2\n');
      await expect(guest.agent.read('/tmp/none')).rejects.toThrow('No such file');
      await expect(guest.agent.makeDirectory('/d/f/x', { mode: 0o755, uid: 0, gid: 0 })).rejects.toThrow();
    });

    it('and carries them out and in as they are', async () => {
      await run(guest.agent, makeEverything);
      const before = await run(guest.agent, `cd /root/all && ${describeEverything}`);
      const out = await guest.agent.copyOut('/root/all');
      expect(out?.kind).toBe('directory');
      const archive = join(directory, 'all.tar');
      await pipeline(out!.archive, createWriteStream(archive));
      const listed = execFileSync('tar', ['-tf', archive, '--quoting-style=escape'], { encoding: 'utf8' }).split('\n');
      expect(listed).toContain('./a\\nb');
      expect(listed).toContain('./not\\377utf8');
      await guest.agent.copyIn('/root/copy/deep', createReadStream(archive));
      expect(await run(guest.agent, `cd /root/copy/deep && ${describeEverything}`)).toEqual(before);
      expect(before.output).toContain('device 644');
      // Again over what is there, and from GNU tar.
      const unpacked = join(directory, 'unpacked');
      mkdirSync(unpacked);
      execFileSync('tar', ['-xf', archive, '-C', unpacked, '--xattrs', '--xattrs-include=*']);
      execFileSync('tar', ['--format=posix', '--xattrs', '-cf', archive, '-C', unpacked, '.']);
      await guest.agent.copyIn('/root/copy/deep', createReadStream(archive));
      expect(await run(guest.agent, `cd /root/copy/deep && ${describeEverything}`)).toEqual(before);
      const one = await guest.agent.copyOut('/root/all/file');
      expect(one?.kind).toBe('file');
      one?.archive.destroy();
      expect(await guest.agent.copyOut('/nonesuch')).toBeNull();
    });

    it('and refuses archives that lead out of their place, or end too early', async () => {
      await run(guest.agent, 'mkdir -p /root/victim /root/into; ln -s /root/victim /root/into/link');
      const source = join(directory, 'evil');
      mkdirSync(join(source, 'link'), { recursive: true });
      writeFileSync(join(source, 'link/file'), 'x');
      const archive = join(directory, 'evil.tar');
      execFileSync('tar', ['--format=posix', '-cf', archive, '-C', source, 'link/file']);
      await guest.agent.copyIn('/root/into', createReadStream(archive));
      expect((await run(guest.agent, 'ls /root/victim; cat /root/into/link/file')).output).toBe('x');
      execFileSync('tar', [
        '--format=posix',
        '-P',
        '-cf',
        archive,
        '--transform=s,.*,../victim/y,',
        join(source, 'link/file'),
      ]);
      await expect(guest.agent.copyIn('/root/into', createReadStream(archive))).rejects.toThrow('..');
      const cut = execFileSync('tar', ['--format=posix', '-c', '-C', source, 'link/file']).subarray(0, 700);
      await expect(guest.agent.copyIn('/root/into', Readable.from([cut]))).rejects.toThrow('too early');
    });

    it('and carries more than is ever under way', async () => {
      await run(guest.agent, 'mkdir /root/big; head -c 5000000 /dev/urandom > /root/big/file');
      const out = await guest.agent.copyOut('/root/big');
      await guest.agent.copyIn('/root/big-again', out!.archive);
      expect(
        (await run(guest.agent, 'cmp /root/big/file /root/big-again/file && rm -r /root/big /root/big-again')).code,
      ).toBe(0);
    });
  });

  describe('has servers', () => {
    it('whose ports it tells and connects to', async () => {
      const server = guest.agent.exec(launch('exec nc -ll -p 7070 -e cat'), { stays: true, output: () => {} });
      await expect.poll(() => guest.agent.ports(server.id), { timeout: 20_000 }).toEqual([7070]);
      const stream = await guest.agent.connect(7070);
      const sent = Buffer.alloc(2_500_000, 'some bytes ');
      stream.end(sent);
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).equals(sent)).toBe(true);
      await expect(guest.agent.connect(7071)).rejects.toThrow('7071');
      const dropped = await guest.agent.connect(7070);
      dropped.destroy();
      await guest.agent.kill(server.id);
    });
  });

  describe('as a whole', () => {
    it('stands still and goes on', async () => {
      const job = guest.agent.exec(launch('i=0; while true; do i=$((i+1)); echo $i > /tmp/tick; sleep 0.01; done'), {
        stays: true,
        output: () => {},
      });
      await expect.poll(() => guest.agent.read('/tmp/tick').catch(() => null), { timeout: 20_000 }).not.toBeNull();
      await guest.agent.freeze();
      const before = await guest.agent.read('/tmp/tick');
      await sleep(100);
      expect(await guest.agent.read('/tmp/tick')).toEqual(before);
      // Whatever is asked for meanwhile waits, and nothing else waits for it.
      const late = run(guest.agent, 'echo late');
      await guest.agent.jobs();
      await guest.agent.thaw();
      expect((await late).output).toBe('late\n');
      await expect.poll(() => guest.agent.read('/tmp/tick'), { timeout: 20_000 }).not.toEqual(before);
      await guest.agent.kill(job.id);
    });

    it('wakes as one of its own', async () => {
      const identity = 'hostname; cat /etc/hostname /etc/machine-id /proc/sys/kernel/random/boot_id; date +%s';
      const before = (await run(guest.agent, identity)).output.split('\n');
      await guest.agent.wake({
        unixNs: 2_000_000_000_123_456_789n,
        entropy: randomBytes(64),
        hostname: 'copy-2',
        machineId: '0123456789abcdef0123456789abcdef',
      });
      const after = (await run(guest.agent, identity)).output.split('\n');
      expect(after.slice(0, 3)).toEqual(['copy-2', 'copy-2', '0123456789abcdef0123456789abcdef']);
      expect(after[3]).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      expect(after[3]).not.toBe(before[3]);
      expect(Number(after[4])).toBeGreaterThanOrEqual(2_000_000_000);
      await expect(
        guest.agent.wake({ unixNs: 0n, entropy: randomBytes(8), hostname: 'x', machineId: '' }),
      ).rejects.toThrow('entropy');
    });

    it('loads modules when they are asked for, and mounts', async () => {
      const script =
        'grep -c . /proc/modules; mkdir -p /tmp/{l,u,w,m}; mount -t overlay -o lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w overlay /tmp/m && echo overlay; mount -t squashfs /dev/vda /tmp/m 2>/dev/null; grep -o squashfs /proc/filesystems; modprobe br_netfilter && modprobe iptable_nat && grep -cE "^(br_netfilter|iptable_nat) " /proc/modules';
      expect((await run(guest.agent, script)).output.split('\n').slice(1)).toEqual(['overlay', 'squashfs', '2', '']);
      expect(
        (await run(guest.agent, 'grep -c overlay /proc/mounts; umount /tmp/m; sysctl -w net.ipv4.ip_forward=1')).output,
      ).toBe('1\nnet.ipv4.ip_forward = 1\n');
    });

    it('tells when memory ran out', async () => {
      const limit = 'echo 20000000 > /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/memory.max';
      const job = guest.agent.exec(launch(`${limit}; tail /dev/zero; exit 3`), { stays: false, output: () => {} });
      const ended = await job.ended;
      expect(ended.memoryKills).toBeGreaterThan(0);
      expect((await run(guest.agent, 'echo alive')).output).toBe('alive\n');
    });
  });

  describe('shows views', () => {
    let views: StreamViewServer;
    let fuse: FusePort;
    const repository = join(directory, 'repository');
    const view = (ordinal: number, destination: string, changes: Partial<ViewSpec> = {}): ViewSpec => ({
      ...{ ordinal, tree: 'repository', sources: [{ path: '' as RepoPath, glob: false }], placement: 'into' },
      ...{ destination: destination as GuestPath, ancestors: [], ...changes },
    });
    const seen = async (): Promise<readonly string[]> => {
      await guest.agent.drain(fuse.sentBytes);
      const { observations, fault } = await views.cut();
      expect(fault).toBeNull();
      return observations.map((one) => `${one.view} ${one.kind} ${one.path}`).sort();
    };
    const specs: ViewSpec[] = [];
    const put = async (spec: ViewSpec): Promise<'mounted' | 'copied'> => {
      specs.push(spec);
      const shows = await views.addView(spec);
      const { destination } = spec;
      const shown = (path: string) => shows.entry(path as GuestPath);
      return guest.agent.addView(spec.ordinal, { destination, shown, directorySeconds: null });
    };

    beforeAll(async () => {
      for (const name of ['sub/deep/leaf', 'sub/one', 'top', 'other']) {
        mkdirSync(join(repository, name, '..'), { recursive: true });
        writeFileSync(join(repository, name), `${name}\n`);
      }
      const manifest = join(directory, 'manifest');
      writeManifestOf(repository, manifest, {});
      fuse = await connectFuse(await guest.port('fuse'), { state: null, signal: AbortSignal.timeout(60_000) });
      views = serveViewsOverStream({
        stream: fuse.stream,
        trees: { repository: manifest },
        mtime: 'plain',
        views: [],
        takeUp: null,
      });
    });

    it('over what is there, and sees what is read', async () => {
      await run(guest.agent, 'mkdir -p /app/sub; echo mine > /app/mine; echo old > /app/top');
      expect(await put(view(0, '/app'))).toBe('mounted');
      await seen();
      expect((await run(guest.agent, 'cat /app/top /app/mine')).output).toBe('top\nmine\n');
      expect(await seen()).toContain('0 content /app/top');
      expect(
        (await run(guest.agent, 'cd /app && ls; test -e none || echo none; echo new > other; cat other')).output,
      ).toBe('mine\nother\nsub\ntop\nnone\nnew\n');
      expect(await seen()).toEqual(expect.arrayContaining(['0 listing /app', '0 absent /app/none']));
    });

    it('and carries out all that shows there, but for what others have mounted', async () => {
      await run(guest.agent, 'mkdir -p /app/memory /app/bound; ln /app/other /app/again; echo beside > /app-beside');
      await run(guest.agent, 'mount -t tmpfs none /app/memory; mount --bind /root /app/bound; touch /app/memory/x');
      expect(await put(view(20, '/kept/inner'))).toBe('mounted');
      const names = async (path: string): Promise<string> => {
        const copied = await guest.agent.copyOut(path);
        const input = await buffer(copied?.archive ?? Readable.from([]));
        const listed = execFileSync('tar', ['-t'], { input, encoding: 'utf8' }).trim().split('\n');
        return listed.sort().join(' ');
      };
      expect(await names('/app')).toBe('. ./again ./mine ./other ./sub ./sub/deep ./sub/deep/leaf ./sub/one ./top');
      const inner =
        './inner ./inner/other ./inner/sub ./inner/sub/deep ./inner/sub/deep/leaf ./inner/sub/one ./inner/top';
      expect(await names('/kept')).toBe(`. ${inner}`);
      await run(guest.agent, 'umount /app/memory /app/bound; rmdir /app/memory /app/bound; rm /app/again');
      await seen();
    });

    it('over each other, each over what was written before', async () => {
      await run(guest.agent, 'rm -r /app/sub/deep; echo written > /app/top');
      expect(await put(view(1, '/app', { sources: [{ path: 'top' as RepoPath, glob: false }] }))).toBe('mounted');
      expect((await run(guest.agent, 'cat /app/top /app/other /app/mine /app/sub/one; ls /app/sub')).output).toBe(
        'top\nnew\nmine\nsub/one\none\n',
      );
      expect(await put(view(2, '/app/sub/inner'))).toBe('mounted');
      expect(await put(view(3, '/app/sub', { sources: [{ path: 'sub' as RepoPath, glob: false }] }))).toBe('mounted');
      expect(
        (await run(guest.agent, 'cd /app/sub; ls . deep inner; cat inner/top; grep -c " /app" /proc/mounts')).output,
      ).toBe('.:\ndeep\ninner\none\n\ndeep:\nleaf\n\ninner:\nother\nsub\ntop\ntop\n3\n');
    });

    it('by copying where a process is in the way, or the place is a file or holds mounts', async () => {
      const inside = Promise.withResolvers<void>();
      const job = guest.agent.exec(launch('mkdir -p /busy; cd /busy; echo up; while true; do sleep 1; done'), {
        stays: true,
        output: () => inside.resolve(),
      });
      await inside.promise;
      expect(await put(view(4, '/busy'))).toBe('copied');
      expect((await run(guest.agent, 'cat /busy/sub/deep/leaf; stat -c %a /busy/top')).output).toBe(
        'sub/deep/leaf\n664\n',
      );
      await guest.agent.kill(job.id);
      const one = { sources: [{ path: 'top' as RepoPath, glob: false }] };
      expect(await put(view(5, '/root/file', { ...one, placement: 'as' }))).toBe('copied');
      expect(await put(view(6, '/etc', one))).toBe('copied');
      expect((await run(guest.agent, 'cat /root/file /etc/top; wc -l < /etc/hosts')).output).toBe('top\ntop\n2\n');
      expect(await seen()).toEqual(
        expect.arrayContaining(['5 content /root/file', '6 content /etc/top', '4 content /busy/sub/deep/leaf']),
      );
    });

    it('again to a new host end, with the requests that nobody had answered', async () => {
      expect(await put(view(7, '/late'))).toBe('mounted');
      views.hold();
      const reading = run(guest.agent, 'cat /late/top');
      await expect.poll(() => views.save().pending.length, { timeout: 20_000 }).toBeGreaterThan(0);
      const saved = views.save();
      await views[Symbol.asyncDispose]();
      fuse.stream.destroy();
      guest.close('fuse');
      // The stream begins anew: what was asked comes again.
      fuse = await connectFuse(await guest.port('fuse'), { state: null, signal: AbortSignal.timeout(60_000) });
      views = serveViewsOverStream({
        ...{ stream: fuse.stream, trees: { repository: join(directory, 'manifest') }, mtime: 'plain' },
        ...{ views: specs, takeUp: { ...saved, pending: '' } },
      });
      expect((await reading).output).toBe('top\n');
    });
  });

  it('that gives up is lost, and says so to whoever waits', async () => {
    const job = guest.agent.exec(launch('echo c > /proc/sysrq-trigger; sleep 1000'), {
      stays: false,
      output: () => {},
    });
    await expect(job.ended).rejects.toThrow(MachineLost);
    expect(await guest.agent.gone).toContain('ended');
    await expect(guest.agent.read('/etc/passwd')).rejects.toThrow(MachineLost);
    await expect(guest.agent.connect(80)).rejects.toThrow(MachineLost);
  });
});

const makeEverything = String.raw`
mkdir -p /root/all/sub; cd /root/all
echo target > file; ln file hard; ln -s file link; ln -s /nowhere dangling
cp /bin/busybox setuid && chmod 4755 setuid; mkfifo fifo; mknod device c 1 7; : > empty
printf b > $'a\nb'; printf c > $'not\377utf8'; printf d > ' lead'; printf e > '"quote'; printf f > sub/-dash
long=$(printf '%0200d' 7); mkdir $long; echo long > $long/$long; ln -s $long/$long longlink
chown 1234:4321 file; chown -h 5:6 link; chmod 0604 file; chmod 3777 sub; touch -d '2001-02-03 04:05:06' file sub; touch -d '2001-02-03 04:05:06' dangling -h
chown 3000000:3000001 setuid; chmod 4755 setuid
`;

const describeEverything = String.raw`
find . | sort | tr '\n' '|'; stat -c '%n %a %u %g %F %s %h' file hard link fifo device setuid sub sub/* ' lead' longlink
stat -c '%n %y' file sub link 0*; stat -c %t:%T device; readlink link dangling longlink; find . -type f | sort | xargs -0 -I@ echo | wc -l; md5sum file setuid 0*/*
`;
