import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { StateUnusable, type Machine, type MachineSpec, type StackEntry } from '../../../src/runner/driver.ts';
import { pruning } from '../../../src/runner/repeat.ts';
import { copyLayer } from '../../../src/runner/stores/local/layer-copy.ts';
import { loadManifest } from '../../../src/runner/view/manifest.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { ViewSpec } from '../../../src/runner/view/view.ts';
import { readFileSync } from 'node:fs';
import { lines, writeManifestOf } from '../fuse/served.ts';
import { command, keep, shell, Workshop, type DriverCase } from './contract.ts';

type Files = Readonly<Record<string, string | Uint8Array | null>>;

const parent = { mode: 0o775, uid: 0, gid: 0 };

function copy(ordinal: number, source: string, destination: string): ViewSpec {
  const depth = destination.split('/').length - 1;
  return {
    ...{ ordinal, tree: 'repository', placement: 'into', destination: destination as GuestPath },
    sources: [{ path: source as RepoPath, glob: false }],
    ancestors: [{ mode: 0o755, uid: 0, gid: 0 }, ...Array.from({ length: depth }, () => parent)],
  };
}

/** What a driver must do for a step that goes on from what it left itself, on other files: the sandbox by layers, machines with memory as they stood. */
export function describeRepeatable(name: string, theCase: () => DriverCase): void {
  let workshop: Workshop;
  let repository = '';
  beforeAll(() => {
    workshop = new Workshop(theCase());
  });
  afterAll(() => workshop.close());

  /** The repository as it is after these edits, frozen; each in later seconds than the one before. */
  let seconds = 1_700_000_000;
  const freeze = (files: Files): string => {
    for (const [path, text] of Object.entries(files)) {
      const place = join(repository, path);
      rmSync(place, { recursive: true, force: true });
      if (text === null) continue;
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, text);
    }
    const manifest = join(workshop.fresh(), 'manifest');
    const shown = BigInt(seconds++) * 1_000_000_000n;
    writeManifestOf(repository, manifest, { shownMtimeNs: () => shown });
    return manifest;
  };
  const spec = (manifest: string): Partial<MachineSpec> => ({
    ...{
      trees: { repository: manifest },
      mtime: 'persistent',
      directorySeconds: Math.ceil(Date.now() / 1000) + seconds - 1_700_000_000,
    },
  });

  interface Result {
    /** Before the step, and after it. */
    readonly below: readonly StackEntry[];
    readonly stack: readonly StackEntry[];
    readonly manifest: string;
  }

  /** A machine with these files, these views over it and this done, then the step for the first time. */
  const first = async (
    files: Files,
    { views, before, step }: { readonly views: readonly ViewSpec[]; readonly before: string; readonly step: string },
  ): Promise<Result> => {
    repository = workshop.fresh();
    const manifest = freeze(files);
    await using machine = await workshop.boot(spec(manifest));
    for (const view of views) {
      await machine.makeDirectory(view.destination);
      await machine.addView(view);
    }
    await shell(machine, before);
    const below = await keep(machine);
    await machine.setApart?.();
    await shell(machine, step);
    return { below, stack: await keep(machine), manifest };
  };

  /** A machine that goes on from a result on other files. */
  const again = async (result: Result, edit: Files): Promise<{ machine: Machine; manifest: string }> => {
    const manifest = freeze(edit);
    const trees = [manifest, result.manifest].map((path) => loadManifest(readFileSync(path)));
    const prune = pruning(
      result.below.flatMap((entry) => (entry.kind === 'view' ? trees.map((tree) => openView(entry.view, tree)) : [])),
    );
    if (workshop.driver.can.saveMemory)
      return { manifest, machine: await workshop.boot({ ...spec(manifest), stack: result.stack, again: { prune } }) };
    const machine = await workshop.boot({ ...spec(manifest), stack: result.below });
    for (const entry of result.stack.slice(result.below.length)) {
      if (entry.kind !== 'layer') throw new Error('a step wrote no layer');
      const to = workshop.fresh();
      await copyLayer(entry.directory, { to, prune });
      await machine.addLayer(to, '/' as GuestPath);
    }
    return { manifest, machine };
  };

  describe(`${name}: a step that goes on from what it left`, { timeout: 400_000 }, () => {
    it('finds what it made, and the files of today', async () => {
      const result = await first(
        {
          ...{ same: '1\n', edited: '1\n', unread: '1\n', gone: '1\n', rewritten: '1\n', removed: '1\n', early: '1\n' },
          ...{ 'dir/a': 'a\n', 'emptied/a': 'a\n', turned: 'file\n' },
        },
        {
          views: [copy(0, '', '/w')],
          before: 'echo before > /w/early; echo before > /w/made-before; echo before > /outside',
          step: `cd /w; cat same edited early; ls . dir; test ! -e new && test ! -e dir/new
            echo step > early; echo step > rewritten; rm removed; echo step > made; echo step > /outside; mkdir out; echo step > out/a
            rm -r emptied; mkdir emptied; echo step > emptied/own; echo step > taken; mkdir nested; echo step > nested/own
            echo step > dir/own; rm turned; mkdir turned; echo step > turned/own`,
        },
      );
      const { machine, manifest } = await again(result, {
        ...{ edited: '2 and longer\n', unread: '2\n', gone: null, new: '2\n', 'dir/new': '2\n', taken: '2\n' },
        ...{ 'nested/theirs': '2\n', 'made-before': '2\n' },
      });
      const look = `cd /w; ls . dir emptied nested out | tr '\\n' ' '; echo
        for f in $(find . -type f | sort) /outside; do echo "$f: $(cat $f)"; done`;
      expect(await shell(machine, look)).toBe(afterEdit);
      const { observations, fault } = await machine.endStep({ keep: false });
      expect(fault).toBeNull();
      expect(lines(observations)).toEqual(
        expect.arrayContaining(['content /w/same', 'content /w/unread', 'content /w/new', 'listing /w']),
      );
      await shell(machine, 'echo again > /w/made; echo again > /w/edited; rm /w/new');
      const stack = await keep(machine);
      await machine[Symbol.asyncDispose]();
      // And once more: back to what it was at first.
      const { below } = result;
      const back = { edited: '1\n', gone: '1\n', new: null, 'dir/new': null, taken: null, 'nested/theirs': null };
      const third = await again({ below: belowOf(below, stack), stack, manifest }, { ...back, 'made-before': null });
      expect(await shell(third.machine, 'cd /w; cat made edited gone early made-before emptied/a dir/own; ls')).toBe(
        'again\n1\n1\nbefore\nbefore\na\nstep\n' +
          'dir\nearly\nedited\nemptied\ngone\nmade\nmade-before\nnested\nout\nremoved\nrewritten\nsame\nturned\nunread\n',
      );
      // What was kept shows the same as any state does, on the files that it saw.
      const stackNow = await keep(third.machine);
      await third.machine[Symbol.asyncDispose]();
      await using restored = await workshop.boot({ ...spec(freeze({ other: 'x\n' })), stack: stackNow });
      expect(await shell(restored, 'cd /w; cat made edited other')).toBe('again\n1\nx\n');
    });

    it('finds them where one view lies in another', async () => {
      const result = await first(
        { 'outer/a': '1\n', 'outer/sub/b': '1\n', 'inner/c': '1\n', 'inner/d': '1\n' },
        {
          views: [copy(0, 'outer', '/w'), copy(1, 'inner', '/w/sub')],
          before: 'echo before > /w/sub/c',
          step: 'cd /w; cat a sub/*; echo step > sub/c; echo step > sub/made; echo step > a; rm sub/d',
        },
      );
      const { machine } = await again(result, { 'outer/sub/b': '2\n', 'inner/d': '2\n', 'outer/a': '2\n' });
      expect(await shell(machine, 'cd /w; cat a sub/b sub/c sub/d sub/made; ls sub')).toBe(
        '2\n2\nbefore\n2\nstep\nb\nc\nd\nmade\n',
      );
      await machine[Symbol.asyncDispose]();
    });

    it('shows directories as new, so that no tool trusts what it knew of them', async () => {
      const result = await first(
        { 'd/a': '1\n', 'e/a': '1\n', 'f/a': '1\n' },
        {
          views: [copy(0, '', '/w')],
          before: 'echo before > /w/e/made; touch -d @1000000000 /w/e',
          step: 'cd /w; echo step > f/made; touch -d @1000000000 f; for d in . d e f; do stat -c %Y $d; done > /times',
        },
      );
      const { machine } = await again(result, { 'd/b': '1\n' });
      const newer =
        'cd /w; exec 3< /times; for d in . d e f; do read then <&3; [ $(stat -c %Y $d) -gt $then ] && echo newer; done';
      expect(await shell(machine, newer)).toBe('newer\n'.repeat(4));
      await machine[Symbol.asyncDispose]();
    });
  });

  describe(`${name}: directories of the repository`, { timeout: 400_000 }, () => {
    const volume = (files: Readonly<Record<string, string>>): string => {
      const directory = workshop.fresh();
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text);
      }
      return directory;
    };
    const at = '/w/volume' as GuestPath;
    const dated = (manifest: string, seconds: number) => ({ ...spec(manifest), directorySeconds: seconds });
    const [first, second] = [2_000_000_000, 2_000_000_100];
    const all = ['.', 'written', 'replaced', 'same', 'same/deep', 'volume', 'volume/deep', 'read'];
    const times = (directories: readonly string[]) => `cd /w; stat -c '%n %Y' ${directories.join(' ')}`;
    const shown = (directories: readonly string[], seconds: number) =>
      directories.map((one) => `${one} ${seconds}\n`).join('');

    it('show the time that each machine is given, whatever lies over them, and a stat of one is no look at its names', async () => {
      repository = workshop.fresh();
      const manifest = freeze({
        ...{ 'written/a': 'a\n', 'replaced/a': 'a\n', 'volume/a': 'a\n', 'volume/deep/a': 'a\n', 'read/a': 'a\n' },
        ...{ 'more/deep/a': 'a\n' },
      });
      await using machine = await workshop.boot(dated(manifest, first));
      for (const view of [copy(0, '', '/w'), copy(1, 'more', '/w/same'), copy(2, 'more', '/w/same')]) {
        await machine.makeDirectory(view.destination);
        await machine.addView(view);
      }
      expect(await shell(machine, times(['same', 'same/deep', 'read']))).toBe(
        shown(['same', 'same/deep', 'read'], first),
      );
      await shell(
        machine,
        `cd /w; echo > written/made; rm -r replaced; mkdir replaced; chmod 700 same/deep; chown 1234 read; mkdir own own/below
          touch -d @1000000000 . own own/below written same/deep`,
      );
      const saved = volume({ kept: '1\n', 'deep/kept': '1\n' });
      await machine.addLayer(saved, at);
      // Later than what steps have written: what they knew of directories may be so no more.
      const later = `cd /w; for d in ${all.join(' ')}; do [ $(stat -c %Y $d) -ge ${first} ] || echo $d; done`;
      expect(await shell(machine, `${later}; stat -c %Y volume volume/deep`)).toBe(`${first + 1}\n`.repeat(2));
      const stack = await keep(machine);

      const newer = volume({ kept: '2\n', 'deep/newer': '2\n' });
      const renewed = stack.map((entry) =>
        entry.kind === 'layer' && entry.directory === saved
          ? { ...entry, directory: newer, replaces: { directory: saved, at } }
          : entry,
      );
      const edited = freeze({ 'more/deep/new': '2\n', 'written/new': '2\n', 'read/new': '2\n', new: '2\n' });
      await using restored = await workshop.boot({ ...dated(edited, second), stack: renewed });
      expect(await shell(restored, times([...all, 'own', 'own/below']))).toBe(
        shown(all, second) + shown(['own', 'own/below'], 1_000_000_000),
      );
      expect(await shell(restored, 'cd /w; stat -c %u-%a read same/deep')).toBe('1234-775\n0-700\n');
      const { observations } = await restored.endStep({ keep: false });
      expect(lines(observations).filter((one) => one.startsWith('listing'))).toEqual([]);
      expect(await shell(restored, 'cd /w; ls written read')).toBe('read:\na\nnew\n\nwritten:\na\nmade\nnew\n');
    });

    it('show it where processes stand in them, and where they were copied in under processes', async () => {
      if (!workshop.driver.can.saveMemory) return;
      repository = workshop.fresh();
      const manifest = freeze({ 'd/a': 'a\n' });
      await using machine = await workshop.boot(dated(manifest, first));
      for (const place of ['/w', '/busy']) await machine.makeDirectory(place as GuestPath);
      const until = (what: string) => `until ${what}; do sleep 0.1; done`;
      const waiting = `cd /busy; touch up; ${until('[ -e /go ]')}; cd /w/d; stat -c %Y . /busy/d > /seen; sleep 1000`;
      await machine.start(command(waiting), () => {});
      await shell(machine, until('[ -e /busy/up ]'));
      await machine.addView(copy(0, '', '/w'));
      await machine.addView(copy(1, '', '/busy'));
      const both = 'stat -c %Y /w/d /busy /busy/d';
      expect(await shell(machine, `${both} /`)).toBe(`${first}\n` + `${first + 1}\n`.repeat(3));
      await shell(machine, 'echo > /busy/d/made; (cd /w/d; exec sleep 1000) &');
      const stack = await keep(machine);
      await using restored = await workshop.boot({ ...dated(manifest, second), stack });
      expect(await shell(restored, `${both} /`)).toBe(`${second}\n`.repeat(4));
      await shell(restored, `touch /go; ${until('[ -s /seen ]')}`);
      expect(await shell(restored, 'cat /seen')).toBe(`${second}\n`.repeat(2));
    });
  });

  describe(`${name}: a machine that goes on with its memory`, { timeout: 400_000 }, () => {
    const files: Files = { a: '1\n' };
    const views = [copy(0, '', '/w')];

    it('has what ran in it go on', async () => {
      if (!workshop.driver.can.saveMemory) return;
      repository = workshop.fresh();
      const manifest = freeze(files);
      await using machine = await workshop.boot(spec(manifest));
      await machine.makeDirectory('/w' as GuestPath);
      await machine.addView(copy(0, '', '/w'));
      await machine.start(
        command('n=0; until [ -e /w/stop ]; do n=$((n+1)); echo $n > /count; sleep 0.1; done'),
        () => {},
      );
      const below = await keep(machine);
      await machine.setApart?.();
      await shell(
        machine,
        'cat /w/a; until [ -s /count ]; do sleep 0.1; done; (while :; do sleep 1; done) & echo $! > /left',
      );
      const stack = await keep(machine);
      await machine[Symbol.asyncDispose]();
      const next = await again({ below, stack, manifest }, { a: '2\n' });
      let goesOn = false;
      const [background] = next.machine.resumed(() => () => {});
      void background?.exit.then(() => (goesOn = true));
      expect(await shell(next.machine, 'cat /w/a; kill -0 $(cat /left) && echo up; kill $(cat /left)')).toBe('2\nup\n');
      expect(goesOn).toBe(false);
      await shell(next.machine, 'touch /w/stop');
      expect(await background?.exit).toEqual({ kind: 'exited', code: 0 });
      await next.machine[Symbol.asyncDispose]();
    });

    const upAs = (program: string) => `until grep -q ${program} /proc/$!/comm; do :; done`;
    it.each([
      ['stands in a directory that is copied to', `(cd /w; exec sleep 1000) & ${upAs('sleep')}`, 'sleep uses /w'],
      ['has a copied file open', `sleep 1000 < /w/a & ${upAs('sleep')}`, 'sleep uses /w'],
      [
        'has a copied file mapped',
        `cp /w/tail /w/own; chmod +x /w/own; /w/own -f /a & ${upAs('own')}`,
        'a process uses what lies in /w',
      ],
      [
        'is told of changes there',
        `/tail -F /a /w/none 2> /dev/null & until [ "$(cat /proc/$!/fdinfo/* | grep -c ^inotify)" = 3 ]; do :; done`,
        /tail watches for changes of files/,
      ],
      [
        'has mounts of its own',
        `unshare -m sleep 1000 & ${upAs('sleep')}`,
        /sleep has mounts of its own, with \/w among them/,
      ],
    ])('is refused, by name, where a process %s', async (_, step, why) => {
      if (!workshop.driver.can.saveMemory) return;
      const tail = readFileSync('/usr/bin/tail');
      const before = 'cp /w/tail /tail; chmod +x /tail; echo a > /a';
      const result = await first({ ...files, tail }, { views, before, step });
      const refused = await again(result, { a: '2\n' }).then(
        () => null,
        (error: unknown) => error,
      );
      expect(refused).toBeInstanceOf(StateUnusable);
      expect(String(refused)).toMatch(why);
    });

    it('goes on where the mounts of a process follow those of the machine, as those of services do', async () => {
      if (!workshop.driver.can.saveMemory) return;
      const before = `mount --make-rshared /; unshare -m --propagation slave sleep 1000 & echo $! > /left; ${upAs('sleep')}`;
      const result = await first(files, { views, before, step: 'cat /w/a; echo step > /w/made' });
      const { machine } = await again(result, { a: '2\n' });
      const look = 'cat /w/a /w/made; nsenter -t $(cat /left) -m cat /w/a';
      expect(await shell(machine, look)).toBe('2\nstep\n2\n');
      await machine[Symbol.asyncDispose]();
    });

    it('is refused where what it wrote could not be told apart, with the reason of then', async () => {
      if (!workshop.driver.can.saveMemory) return;
      const before = 'sleep 1000 < /w/a & echo $! > /left';
      const result = await first(files, {
        views,
        before,
        step: 'kill $(cat /left); until ! kill -0 $(cat /left); do :; done',
      });
      await expect(again(result, { a: '2\n' })).rejects.toThrow('sleep uses /w');
    });
  });
}

/** The stack that a step stood on which itself went on: that of the step before, as far as it is the same. */
function belowOf(below: readonly StackEntry[], stack: readonly StackEntry[]): readonly StackEntry[] {
  return stack.slice(0, below.length);
}

const afterEdit = `.: dir early edited emptied made made-before nested new out removed rewritten same taken turned unread  dir: a new own  emptied: a own  nested: own theirs  out: a \n${[
  ...['./dir/a: a', './dir/new: 2', './dir/own: step', './early: before', './edited: 2 and longer', './emptied/a: a'],
  ...['./emptied/own: step', './made: step', './made-before: before', './nested/own: step', './nested/theirs: 2'],
  ...['./new: 2', './out/a: step', './removed: 1', './rewritten: 1', './same: 1', './taken: 2', './turned: file'],
  ...['./unread: 2', '/outside: step'],
].join('\n')}\n`;
