import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestPath } from '../../../src/host.ts';
import {
  StateUnusable,
  type BaseMachine,
  type Command,
  type Driver,
  type Exit,
  type Kept,
  type Machine,
  type MachineSpec,
  type StackEntry,
} from '../../../src/runner/driver.ts';

/** A driver under test: what every machine of every driver must do is written once, here. */
export interface DriverCase {
  readonly driver: Driver;
  /** Builds the base in an empty directory: bash and the usual small programs. */
  readonly base: (directory: string) => BaseMachine;
}

/** Machines for tests: short ways to boot one and to run a script in it. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), 'layer-sandbox-test-'));
  readonly driver: Driver;
  readonly base: BaseMachine;
  readonly #running = new Set<Machine>();
  #count = 0;

  constructor({ driver, base }: DriverCase) {
    this.driver = driver;
    mkdirSync(join(this.directory, 'base'));
    this.base = base(join(this.directory, 'base'));
  }

  fresh(): string {
    const directory = join(this.directory, `m${this.#count++}`);
    mkdirSync(directory);
    return directory;
  }

  async boot(changes: Partial<MachineSpec> = {}, signal: AbortSignal = never): Promise<Machine> {
    const machine = await this.driver.boot(
      {
        ...{ hostname: 'machine', base: this.base, stack: [], trees: {}, mtime: 'plain', memoryBytes: null },
        ...{ network: 'none', directory: this.fresh(), ...changes },
      },
      signal,
    );
    this.#running.add(machine);
    return machine;
  }

  async close(): Promise<void> {
    for (const machine of this.#running) await machine[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const never = new AbortController().signal;

export const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'.slice(5);

export function command(script: string, changes: Partial<Command> = {}): Command {
  return { script, env: { PATH: path }, user: 'root', cwd: '/root' as GuestPath, ...changes };
}

/** Runs to the end; the output as latin1, so that no byte is lost. */
export async function run(
  machine: Machine,
  script: string,
  changes: Partial<Command> = {},
  signal: AbortSignal = never,
): Promise<{ readonly exit: Exit; readonly output: string }> {
  const chunks: Uint8Array[] = [];
  const exit = await machine.exec(command(script, changes), (chunk) => chunks.push(chunk), signal);
  return { exit, output: Buffer.concat(chunks).toString('latin1') };
}

/** Runs what must succeed; its output. */
export async function shell(machine: Machine, script: string, changes: Partial<Command> = {}): Promise<string> {
  const { exit, output } = await run(machine, script, changes);
  expect(exit, output).toEqual({ kind: 'exited', code: 0 });
  return output;
}

export async function keep(machine: Machine): Promise<readonly StackEntry[]> {
  const { state, fault } = await machine.endStep({ keep: true });
  expect(fault).toBeNull();
  return stackOf(state);
}

export function stackOf(state: Kept): readonly StackEntry[] {
  if (!state.kept) throw new Error(`not kept: ${state.why}`);
  return state.stack;
}

/** Makes what `linked` and `leadingOut` are about. */
export const makeLinks =
  'mkdir -p /d/e; ln -s e /d/l; ln -s /d /abs; ln -s ../../../../../.. /d/up; ln -s /d/loop /d/loop; touch /d/f; chmod 0751 /d; ln -s /nonesuch/x /d/dangling';

/** Where paths lead in a machine, of what kind that is, and how many directories stand above and at it. */
export const linked: Readonly<Record<string, string>> = {
  '/': '/ directory 1',
  '/d/l': '/d/e directory 3',
  '/abs/l/../f': '/d/f file 2',
  '/d/dangling/y': '/nonesuch/x/y null 1',
  '/d/none/deep': '/d/none/deep null 2',
  '/d/f/below': '/d/f/below null 2',
};
export const leadingOut: Readonly<Record<string, string>> = {
  '/d/up/etc': '/etc directory 2',
  '/../../d/e': '/d/e directory 3',
};

export function describeDriver(name: string, theCase: () => DriverCase): void {
  let workshop: Workshop;
  beforeAll(() => {
    workshop = new Workshop(theCase());
  });
  afterAll(() => workshop.close());

  describe(`${name}: commands`, () => {
    let machine: Machine;
    beforeAll(async () => {
      machine = await workshop.boot();
    });

    it('ends with the exit code of bash', async () => {
      expect((await run(machine, 'exit 7')).exit).toEqual({ kind: 'exited', code: 7 });
      expect((await run(machine, 'false; true')).exit).toEqual({ kind: 'exited', code: 0 });
      expect((await run(machine, 'nonesuch')).exit).toEqual({ kind: 'exited', code: 127 });
      expect((await run(machine, 'kill -TERM $$')).exit).toEqual({ kind: 'signalled', signal: 'SIGTERM' });
    });

    it('reports errors by line, as bash -c does', async () => {
      expect((await run(machine, 'true\nnonesuch')).output).toBe('bash: line 2: nonesuch: command not found\n');
    });

    it('gives exactly the environment asked for, and nothing of the host', async () => {
      const env = { PATH: path, EMPTY: '', LINES: 'a\nb', EQUALS: '=x=', QUOTES: `'"$x` };
      const output = await shell(machine, 'tr "\\0" "\\n" < /proc/$$/environ', { env });
      expect(output).toBe(`PATH=${path}\nEMPTY=\nLINES=a\nb\nEQUALS==x=\nQUOTES='"$x\n`);
    });

    it('runs in the directory asked for, and says which one it cannot enter', async () => {
      expect(await shell(machine, 'pwd', { cwd: '/tmp' as GuestPath })).toBe('/tmp\n');
      const { exit, output } = await run(machine, 'pwd', { cwd: '/nonesuch' as GuestPath });
      expect(exit).toEqual({ kind: 'exited', code: 126 });
      expect(output).toContain('/nonesuch');
    });

    it('runs as the user asked for, with its groups and without rights', async () => {
      const user = await machine.user('builder');
      expect(user).toEqual({ uid: 1000, gid: 1000, home: '/home/builder' });
      expect(await machine.user('builder')).toEqual(user);
      const as = { user: 'builder', cwd: user.home };
      expect(await shell(machine, 'id -u; id -g; id -G; touch x; stat -c %U x', as)).toBe(
        '1000\n1000\n1000 0\nbuilder\n',
      );
      expect((await run(machine, 'echo x > /etc/x', as)).exit).toEqual({ kind: 'exited', code: 1 });
      expect(await shell(machine, 'grep Cap /proc/self/status | cut -f2 | sort -u | head -1', as)).toBe(
        '0000000000000000\n',
      );
    });

    it('fails where the user does not exist', async () => {
      const { exit, output } = await run(machine, 'true', { user: 'nonesuch' });
      expect(exit).toEqual({ kind: 'exited', code: 126 });
      expect(output).toContain('there is no user nonesuch');
    });

    it('has an empty standard input and no terminal', async () => {
      expect(await shell(machine, 'cat; test -t 0 || test -t 1 || echo none')).toBe('none\n');
    });

    it('keeps stdout and stderr in order', async () => {
      const lines = Array.from({ length: 50 }, (_, at) => `echo ${at}${at % 2 === 0 ? '' : ' >&2'}`).join('\n');
      expect(await shell(machine, lines)).toBe(Array.from({ length: 50 }, (_, at) => `${at}\n`).join(''));
    });

    it('passes bytes that are not UTF-8', async () => {
      const output = await shell(machine, String.raw`printf '\377\376\000\200'`);
      expect(Buffer.from(output, 'latin1')).toEqual(Buffer.from([0xff, 0xfe, 0, 0x80]));
    });

    it('takes a script of any length', async () => {
      const filler = Array.from({ length: 20_000 }, (_, at) => `: line ${at} ${'x'.repeat(80)}`).join('\n');
      expect(await shell(machine, `${filler}\necho end`)).toBe('end\n');
    });

    it('takes quotes, here-documents and comments at the ends', async () => {
      expect(await shell(machine, 'cat <<EOF\n$PATH\nEOF')).toBe(`${path}\n`);
      expect(await shell(machine, '# nothing\necho "a\'b" # end')).toBe("a'b\n");
      expect(await shell(machine, '')).toBe('');
    });

    it('ends when bash does, not when its output closes, and loses nothing written before', async () => {
      const started = Date.now();
      expect(await shell(machine, 'sleep 30 & head -c 100000 /dev/zero | tr "\\0" x')).toBe('x'.repeat(100_000));
      expect(Date.now() - started).toBeLessThan(25_000);
      await shell(machine, 'killall sleep');
    });

    it('carries a gigabyte of output without keeping it', async () => {
      // Under emulation a twentieth of it must do.
      const mebibytes = workshop.driver.can.saveMemory ? 50 : 1024;
      let bytes = 0;
      const before = process.memoryUsage().rss;
      const exit = await machine.exec(
        command(`dd if=/dev/zero bs=1M count=${mebibytes} 2>/dev/null`),
        (chunk) => {
          bytes += chunk.length;
        },
        never,
      );
      expect(exit).toEqual({ kind: 'exited', code: 0 });
      expect(bytes).toBe(mebibytes * 2 ** 20);
      expect(process.memoryUsage().rss - before).toBeLessThan(300 * 2 ** 20);
    });

    it('cancels a command and everything it started', async () => {
      const abort = new AbortController();
      const running = run(machine, 'setsid sleep 1234 & sleep 1234', {}, abort.signal);
      setTimeout(() => abort.abort(), 200);
      expect((await running).exit).toEqual({ kind: 'cancelled' });
      expect((await run(machine, 'ps | grep -v grep | grep -c "sleep 1234"')).output).toBe('0\n');
      expect((await run(machine, 'true', {}, abort.signal)).exit).toEqual({ kind: 'cancelled' });
    });

    it('runs several commands at once', async () => {
      const outputs = await Promise.all(['1', '2', '3'].map((n) => shell(machine, `sleep 0.2; echo ${n}`)));
      expect(outputs).toEqual(['1\n', '2\n', '3\n']);
    });
  });

  describe(`${name}: paths`, () => {
    let machine: Machine;
    beforeAll(async () => {
      machine = await workshop.boot();
      await shell(machine, makeLinks);
    });

    const at = async (path: string): Promise<string> => {
      const found = await machine.resolve(path as GuestPath);
      return `${found.path} ${found.kind} ${found.ancestors.length}`;
    };

    it('follows every link inside the root', async () => {
      for (const [path, found] of Object.entries(linked)) expect(await at(path), path).toBe(found);
      expect((await machine.resolve('/d' as GuestPath)).ancestors[1]).toEqual({ mode: 0o751, uid: 0, gid: 0 });
    });

    it('never leaves the root, whatever the links say', async () => {
      for (const [path, found] of Object.entries(leadingOut)) expect(await at(path), path).toBe(found);
      await expect(machine.resolve('/d/loop' as GuestPath)).rejects.toThrow('symbolic links');
    });

    it('makes directories through links, for root and its group', async () => {
      await machine.makeDirectory('/abs/l/new/deep' as GuestPath);
      expect(await shell(machine, 'stat -c "%a %u %g" /d/e/new /d/e/new/deep')).toBe('775 0 0\n775 0 0\n');
      await machine.makeDirectory('/d/e' as GuestPath);
    });
  });

  describe(`${name}: background commands`, () => {
    it('stay up, tell their ports, and can be connected to', async () => {
      await using machine = await workshop.boot();
      let log = '';
      const server = await machine.start(command('echo up; exec nc -ll -p 7070 -e cat'), (chunk) => {
        log += Buffer.from(chunk).toString();
      });
      await expect.poll(() => server.ports(), { timeout: 30_000 }).toEqual([7070]);
      await expect.poll(() => log).toBe('up\n');
      const stream = await machine.connect(7070);
      stream.write('hello');
      stream.end();
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      expect(Buffer.concat(chunks).toString()).toBe('hello');
      await expect(machine.connect(7071)).rejects.toThrow('7071');
    });

    it('tell how they end', async () => {
      await using machine = await workshop.boot();
      const failing = await machine.start(command('sleep 0.1; exit 3'), () => {});
      expect(await failing.exit).toEqual({ kind: 'exited', code: 3 });
    });

    it('have a loopback of their own: two machines hold the same port', async () => {
      await using one = await workshop.boot();
      await using two = await workshop.boot();
      for (const machine of [one, two]) {
        const server = await machine.start(command('exec nc -ll -p 7070 -e cat'), () => {});
        await expect.poll(() => server.ports(), { timeout: 30_000 }).toEqual([7070]);
      }
    });
  });

  describe(`${name}: states`, () => {
    it('come back whatever kind of file they hold', async () => {
      await using machine = await workshop.boot();
      await shell(machine, makeEverything);
      const before = await shell(machine, describeEverything);
      const stack = await keep(machine);
      expect(await shell(machine, describeEverything)).toBe(before);
      await using again = await workshop.boot({ stack });
      expect(await shell(again, describeEverything)).toBe(before);
      expect(before).toContain('setuid 4755');
    });

    it('are what they were, however the machine went on', async () => {
      await using machine = await workshop.boot();
      await shell(machine, 'echo 1 > /root/f; mkdir /root/d; echo x > /root/d/x');
      const first = await keep(machine);
      await shell(
        machine,
        'echo 2 > /root/f; rm -r /root/d; mkdir /root/d; echo new > /root/g; rm /etc/shadow; chmod 0700 /',
      );
      const second = await keep(machine);
      await shell(machine, 'echo 3 > /root/f');
      await using one = await workshop.boot({ stack: first });
      await using two = await workshop.boot({ stack: second });
      const look = 'cat /root/f; ls /root /root/d; ls /etc/shadow 2>/dev/null; stat -c %a /';
      expect(await shell(one, look)).toBe('1\n/root:\nd\nf\n\n/root/d:\nx\n/etc/shadow\n755\n');
      expect(await shell(two, look.replace('ls /etc/shadow 2>/dev/null', 'true'))).toBe(
        '2\n/root:\nd\nf\ng\n\n/root/d:\n700\n',
      );
      expect((await run(two, 'ls /etc/shadow')).exit).toEqual({ kind: 'exited', code: 1 });
    });

    it('add nothing where nothing was written, but for memory', async () => {
      await using machine = await workshop.boot();
      await shell(machine, 'ls -R /etc > /dev/null');
      if (workshop.driver.can.saveMemory) {
        const [first] = await keep(machine);
        const [, second] = await keep(machine);
        expect([first?.kind, second?.kind]).toEqual(['machine', 'machine']);
        return;
      }
      expect(await machine.endStep({ keep: true })).toEqual({
        observations: [],
        fault: null,
        doubt: null,
        state: { kept: true, stack: [], layers: [] },
      });
    });

    it('are not kept while something runs that no RUN BACKGROUND accounts for, unless with memory', async () => {
      await using machine = await workshop.boot();
      await shell(machine, 'echo 1 > f; setsid sleep 1000 > /dev/null 2>&1 &');
      const { state } = await machine.endStep({ keep: true });
      if (workshop.driver.can.saveMemory) {
        await using again = await workshop.boot({ stack: stackOf(state) });
        expect(await shell(again, 'cat f; pidof sleep > /dev/null && echo up')).toBe('1\nup\n');
        return;
      }
      expect(state).toEqual({ kept: false, why: expect.stringMatching(/^sleep (is still running|still runs)/) });
      expect(await shell(machine, 'cat f')).toBe('1\n');
      await shell(machine, 'killall sleep');
      expect((await keep(machine)).length).toBe(1);
    });

    it('wait a moment for what is ending, or hold it too', async () => {
      await using machine = await workshop.boot();
      await shell(machine, '(sleep 0.05; echo late > late) &');
      const stack = await keep(machine);
      await using again = await workshop.boot({ stack });
      const still = workshop.driver.can.saveMemory ? 'until [ -s late ]; do sleep 0.1; done; ' : '';
      expect(await shell(again, `${still}cat late`)).toBe('late\n');
    });

    it('are not kept with System V shared memory, which no file holds, unless with memory', async () => {
      await using machine = await workshop.boot();
      await shell(machine, 'ipcmk -M 4096 > /dev/null');
      const { state } = await machine.endStep({ keep: true });
      expect(state.kept).toBe(workshop.driver.can.saveMemory);
    });

    it('are kept beside a RUN BACKGROUND, each as it was', async () => {
      await using machine = await workshop.boot();
      if (!workshop.driver.can.snapshotLive) {
        await machine.start(command('exec sleep 1000'), () => {});
        const { state } = await machine.endStep({ keep: true });
        expect(state).toEqual({ kept: false, why: expect.stringContaining('sleep still runs') });
        return;
      }
      await machine.start(command('n=0; while true; do echo $((++n)) > tick; sleep 0.01; done'), () => {});
      await shell(machine, 'echo 1 > f; echo x > gone; rm /etc/shadow; rm -rf /home; mkdir /home');
      const first = await keep(machine);
      await shell(machine, 'echo 2 > f; rm gone');
      const second = await keep(machine);
      await using one = await workshop.boot({ stack: first });
      await using two = await workshop.boot({ stack: second });
      expect(await shell(one, 'cat f; ls gone; test -e /etc/shadow || echo none; ls /home')).toBe('1\ngone\nnone\n');
      expect(await shell(two, 'cat f; test -e gone || echo none')).toBe('2\nnone\n');
      const before = await shell(machine, 'cat tick');
      await expect.poll(() => shell(machine, 'cat tick')).not.toBe(before);
    });

    it('survive that the store takes their layers away by renaming them', async () => {
      await using machine = await workshop.boot();
      const adopted = workshop.fresh();
      const places = new Map<string, string>();
      let kept: readonly StackEntry[] = [];
      for (const step of ['1', '2', '3']) {
        await shell(machine, `echo ${step} > f${step}`);
        const { state } = await machine.endStep({ keep: true });
        if (!state.kept) throw new Error(state.why);
        for (const layer of state.layers) {
          places.set(layer, join(adopted, step));
          renameSync(layer, join(adopted, step));
        }
        kept = state.stack;
      }
      expect(await shell(machine, 'cat f1 f2 f3')).toBe('1\n2\n3\n');
      const stack = kept.map((entry): StackEntry =>
        entry.kind === 'view' ? entry : { ...entry, directory: places.get(entry.directory) ?? entry.directory },
      );
      await using again = await workshop.boot({ stack });
      expect(await shell(again, 'cat f1 f2 f3')).toBe('1\n2\n3\n');
    });
  });

  describe(`${name}: caches`, () => {
    it('lie at their path over what the base holds, and take writes in the machine', async () => {
      const volume = workshop.fresh();
      writeFileSync(join(volume, 'saved'), 'saved\n');
      mkdirSync(join(volume, 'sub'));
      writeFileSync(join(volume, 'sub/deep'), 'deep\n');
      await using machine = await workshop.boot();
      await shell(
        machine,
        'mkdir -p /var/cache/tool; echo base > /var/cache/tool/base; chmod 0751 /var/cache; chmod 0770 /var/cache/tool',
      );
      chmodSync(volume, 0o700);
      await machine.addLayer(volume, '/var/cache/tool' as GuestPath);
      expect(
        await shell(
          machine,
          'cd /var/cache/tool; cat base saved sub/deep; stat -c %a .. .; rm sub/deep; echo new > saved',
        ),
      ).toBe('base\nsaved\ndeep\n751\n770\n');
      const stack = await keep(machine);
      expect(readFileSync(join(volume, 'saved'), 'utf8')).toBe('saved\n');
      await using again = await workshop.boot({ stack });
      expect(await shell(again, 'cd /var/cache/tool; cat base saved; ls sub; stat -c %a .')).toBe('base\nnew\n770\n');
      if (workshop.driver.can.saveMemory) return;
      // A newer volume in the place of the one the state was made on.
      const newer = workshop.fresh();
      writeFileSync(join(newer, 'more'), 'more\n');
      const replaced = stack.map((entry) =>
        entry.kind === 'layer' && entry.at !== null ? { ...entry, directory: newer } : entry,
      );
      await using later = await workshop.boot({ stack: replaced });
      expect(await shell(later, 'cd /var/cache/tool; cat base more saved')).toBe('base\nmore\nnew\n');
    });

    it('are copied in where a process runs', async () => {
      const volume = workshop.fresh();
      mkdirSync(join(volume, 'sub'));
      writeFileSync(join(volume, 'sub/deep'), 'deep\n');
      await using machine = await workshop.boot();
      await shell(machine, 'mkdir -p /var/cache/tool/sub; echo base > /var/cache/tool/sub/base');
      const up = await machine.start(command('cd /var/cache/tool/sub; while :; do sleep 1; done'), () => {});
      await machine.addLayer(volume, '/var/cache/tool' as GuestPath);
      expect(await shell(machine, 'cd /var/cache/tool; cat sub/base sub/deep; rm sub/deep')).toBe('base\ndeep\n');
      expect(readdirSync(join(volume, 'sub'))).toEqual(['deep']);
      expect(await Promise.race([up.exit, Promise.resolve('up')])).toBe('up');
    });

    it('may be a single file', async () => {
      const volume = workshop.fresh();
      writeFileSync(join(volume, 'cache'), 'cached\n');
      await using machine = await workshop.boot();
      await machine.addLayer(join(volume, 'cache'), '/root/.tool-cache' as GuestPath);
      expect(await shell(machine, 'cat ~/.tool-cache; ls -A', { env: { PATH: path, HOME: '/root' } })).toBe(
        'cached\n.tool-cache\n',
      );
    });

    it('are copied out merged, with everything a file has', async () => {
      await using machine = await workshop.boot();
      await shell(
        machine,
        'mkdir -p /c/d; echo 1 > /c/f; ln /c/f /c/hard; ln -s /etc/passwd /c/link; chown 12:34 /c/d; chmod 1750 /c/d; rm -f /c/none',
      );
      const out = workshop.fresh();
      expect(await machine.copyOut('/c' as GuestPath, out)).toBe('directory');
      expect(readdirSync(out).sort()).toEqual(['d', 'f', 'hard', 'link']);
      expect(statSync(join(out, 'f')).nlink).toBe(2);
      expect(readlinkSync(join(out, 'link'))).toBe('/etc/passwd');
      expect(statSync(join(out, 'd'))).toMatchObject({ uid: 12, gid: 34, mode: 0o41750 });
      const single = workshop.fresh();
      expect(await machine.copyOut('/c/f' as GuestPath, single)).toBe('file');
      expect(readFileSync(join(single, 'f'), 'utf8')).toBe('1\n');
      expect(await machine.copyOut('/nonesuch' as GuestPath, workshop.fresh())).toBeNull();
      await shell(machine, 'ln -s / /c/root');
      const followed = workshop.fresh();
      expect(await machine.copyOut('/c/root/c/f' as GuestPath, followed)).toBe('file');
    });
  });

  describe(`${name}: stacks`, () => {
    it('of 60 layers show the topmost of each file', async () => {
      if (workshop.driver.can.saveMemory) {
        await expect(workshop.boot({ stack: tower(workshop, 1) })).rejects.toThrow(StateUnusable);
        return;
      }
      await using machine = await workshop.boot({ stack: tower(workshop, 60) });
      expect(await shell(machine, 'cat /t/all /t/f0; ls /t | wc -l')).toBe('59\n0\n62\n');
    });

    it('of 250 layers too, with whiteouts and opaque directories among them', async () => {
      if (workshop.driver.can.saveMemory) return;
      await using first = await workshop.boot({ stack: tower(workshop, 60) });
      await shell(first, 'rm /t/f7; rm -r /t/d; mkdir /t/d; echo fresh > /t/d/fresh');
      const stack = [...(await keep(first)), ...tower(workshop, 190, '/u')];
      await using machine = await workshop.boot({ stack });
      const look = 'cat /t/all /u/all; ls /t | wc -l; ls /u | wc -l; ls /t/d; test -e /t/f7 || echo gone';
      const shown = '59\n189\n61\n192\nfresh\ngone\n';
      expect(await shell(machine, look)).toBe(shown);
      await shell(machine, 'echo more > /t/more; rm /t/f8');
      await using again = await workshop.boot({ stack: await keep(machine) });
      expect(await shell(again, look)).toBe(shown);
    });
  });
}

/** Layers that each write a file of their own and one that all write, in a directory, beside a directory of the first alone. */
function tower(workshop: Workshop, height: number, at = '/t'): readonly StackEntry[] {
  const root = workshop.fresh();
  return Array.from({ length: height }, (_, number) => {
    const directory = join(root, String(number));
    mkdirSync(join(directory, at, 'd'), { recursive: true });
    writeFileSync(join(directory, at, `f${number}`), `${number}\n`);
    writeFileSync(join(directory, at, 'all'), `${number}\n`);
    writeFileSync(join(directory, at, 'd', `inside${number}`), '');
    return { kind: 'layer', directory, at: null };
  });
}

const makeEverything = String.raw`
mkdir -p /root/all/sub; cd /root/all
echo target > file; ln file hard; ln -s file link; ln -s /nowhere dangling
cp /bin/busybox setuid && chmod 4755 setuid; mkfifo fifo; mknod device c 1 7
truncate -s 10M sparse; printf x | dd of=sparse bs=1 seek=5000000 conv=notrunc 2>/dev/null
printf b > $'a\nb'; printf c > $'not\377utf8'; printf d > ' lead'; printf e > '"quote'; printf f > sub/-dash
chown 1234:4321 file; chmod 0604 file; chmod 3777 sub; touch -d '2001-02-03 04:05:06' file
mkdir -p /var/tmp/opaque; rm -rf /home; mkdir /home; rm /etc/shadow; echo changed >> /etc/group
`;

const describeEverything = String.raw`
cd /root/all; find . /home /etc -xdev | sort | tr '\n' '|' ; stat -c '%n %a %u %g %F %s %h' file hard link fifo device setuid sub
stat -c %Y file; stat -c %t:%T device; readlink link dangling; md5sum sparse setuid $'a\nb' $'not\377utf8'; test $(stat -c %b sparse) -lt 100 && echo sparse
tail -1 /etc/group
`;
