import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Served, serveDirectory, wholeRepository } from './served.ts';

/** Everything that programs are tried on. */
function fill(repository: string): void {
  const file = (name: string, content: string, mode = 0o644) =>
    fs.writeFileSync(`${repository}/${name}`, content, { mode });
  fs.mkdirSync(`${repository}/dir/sub`, { recursive: true });
  file('dir/one', 'one\n');
  file('dir/two', 'two\n');
  file('dir/empty', '');
  file('dir/sub/deep', 'deep\n');
  file('tool', '#!/bin/sh\necho tool\n', 0o755);
  fs.symlinkSync('dir/one', `${repository}/link`);
  fs.symlinkSync('dir', `${repository}/dirlink`);
  fs.symlinkSync('nowhere', `${repository}/dangling`);
  fs.symlinkSync('loop', `${repository}/loop`);
}

interface Program {
  readonly script: string;
  readonly code?: number;
  readonly stdout?: string;
  readonly sees: readonly string[];
}

/** Isolated, so that it looks for no modules where it stands. */
const python = (code: string) => `/usr/bin/python3 -I -c '${code}'`;

/** What each program looks at in a fresh machine: no more, no less. */
const programs: Readonly<Record<string, Program>> = {
  'reading a file': {
    script: 'cat dir/one',
    stdout: 'one\n',
    sees: ['attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'reading an empty file': {
    script: 'cat dir/empty',
    sees: ['attributes /dir/empty', 'content /dir/empty', 'entry /dir', 'entry /dir/empty'],
  },
  stat: { script: 'stat -c %s dir/one', stdout: '4\n', sees: ['attributes /dir/one', 'entry /dir', 'entry /dir/one'] },
  'stat of an empty file': {
    script: 'stat -c %s dir/empty',
    sees: ['attributes /dir/empty', 'content /dir/empty', 'entry /dir', 'entry /dir/empty'],
  },
  'stat of a directory': { script: 'stat -c %F dir', sees: ['attributes /dir', 'entry /dir'] },
  'asking for permission': { script: 'test -x tool', sees: ['attributes /tool', 'entry /tool'] },
  'access(2)': { script: python('import os; os.access("tool", os.X_OK)'), sees: ['attributes /tool', 'entry /tool'] },
  'listing names': {
    script: python('import os; print(os.listdir("dir"))'),
    sees: ['attributes /dir', 'entry /dir', 'listing /dir'],
  },
  'listing with sizes': {
    script: 'ls -l dir',
    sees: [
      'attributes /dir',
      'attributes /dir/empty',
      'attributes /dir/one',
      'attributes /dir/sub',
      'attributes /dir/two',
      'content /dir/empty',
      'entry /dir',
      'entry /dir/empty',
      'entry /dir/one',
      'entry /dir/sub',
      'entry /dir/two',
      'listing /dir',
    ],
  },
  'reading a link': {
    script: 'readlink link',
    stdout: 'dir/one\n',
    sees: ['attributes /link', 'entry /link', 'link /link'],
  },
  'following a link': {
    script: 'cat link',
    stdout: 'one\n',
    sees: [
      'attributes /dir/one',
      'attributes /link',
      'content /dir/one',
      'entry /dir',
      'entry /dir/one',
      'entry /link',
      'link /link',
    ],
  },
  'a link on the way': {
    script: 'cat dirlink/two',
    stdout: 'two\n',
    sees: [
      'attributes /dir/two',
      'attributes /dirlink',
      'content /dir/two',
      'entry /dir',
      'entry /dir/two',
      'entry /dirlink',
      'link /dirlink',
    ],
  },
  'a link to nowhere': {
    script: 'cat dangling',
    code: 1,
    sees: ['absent /nowhere', 'attributes /dangling', 'entry /dangling', 'link /dangling'],
  },
  'a link to itself': { script: 'cat loop', code: 1, sees: ['attributes /loop', 'entry /loop', 'link /loop'] },
  'finding by name': {
    script: 'find . -name "d*" | sort',
    sees: [
      'attributes /dir',
      'attributes /dir/sub',
      'entry /dir',
      'entry /dir/sub',
      'listing /',
      'listing /dir',
      'listing /dir/sub',
    ],
  },
  'grep over everything': {
    script: 'grep -r deep . | sort',
    sees: [
      'attributes /dangling',
      'attributes /dir',
      'attributes /dir/empty',
      'attributes /dir/one',
      'attributes /dir/sub',
      'attributes /dir/sub/deep',
      'attributes /dir/two',
      'attributes /dirlink',
      'attributes /link',
      'attributes /loop',
      'attributes /tool',
      'content /dir/empty',
      'content /dir/one',
      'content /dir/sub/deep',
      'content /dir/two',
      'content /tool',
      'entry /dangling',
      'entry /dir',
      'entry /dir/empty',
      'entry /dir/one',
      'entry /dir/sub',
      'entry /dir/sub/deep',
      'entry /dir/two',
      'entry /dirlink',
      'entry /link',
      'entry /loop',
      'entry /tool',
      'listing /',
      'listing /dir',
      'listing /dir/sub',
    ],
  },
  'copying a file': {
    script: 'cp --reflink=never dir/one dir/copy',
    sees: [
      'absent /dir/copy',
      'attributes /dir',
      'attributes /dir/one',
      'content /dir/one',
      'entry /dir',
      'entry /dir/one',
    ],
  },
  'copying a file by copy_file_range, or what the kernel puts in its place': {
    script: 'cp dir/one dir/copy; cat dir/copy',
    stdout: 'one\n',
    sees: [
      'absent /dir/copy',
      'attributes /dir',
      'attributes /dir/one',
      'content /dir/one',
      'entry /dir',
      'entry /dir/one',
    ],
  },
  sendfile: {
    script: python('import os; a=os.open("dir/one",0); b=os.open("out",os.O_CREAT|os.O_WRONLY); os.sendfile(b,a,0,9)'),
    sees: ['absent /out', 'attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'mapping a file': {
    script: python('import mmap,os; m=mmap.mmap(os.open("dir/one",0),4,prot=mmap.PROT_READ); print(m[0])'),
    stdout: '111\n',
    sees: ['attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'the end of a file': {
    script: python('import os; print(os.lseek(os.open("dir/one",0),0,os.SEEK_END))'),
    stdout: '4\n',
    sees: ['attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'opening without reading': {
    script: python('import os; os.open("dir/one",os.O_RDONLY)'),
    sees: ['attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'opening only the path': {
    script: python('import os; os.open("dir/one",os.O_PATH)'),
    sees: ['attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'stat through a path': {
    script: python('import os; print(os.fstat(os.open("dir/one",os.O_PATH)).st_size)'),
    stdout: '4\n',
    sees: ['attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'running a script': {
    script: './tool',
    stdout: 'tool\n',
    sees: ['attributes /tool', 'content /tool', 'entry /tool'],
  },
  overwriting: {
    script: 'echo new > dir/one',
    sees: ['attributes /dir', 'attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  appending: {
    script: 'echo more >> dir/one; cat dir/one',
    stdout: 'one\nmore\n',
    sees: ['attributes /dir', 'attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'appending to an empty file': {
    script: 'echo more >> dir/empty',
    sees: ['attributes /dir', 'attributes /dir/empty', 'content /dir/empty', 'entry /dir', 'entry /dir/empty'],
  },
  'truncating to a length': {
    script: 'truncate -s 2 dir/one',
    sees: ['attributes /dir', 'attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'changing the mode': {
    script: 'chmod 600 dir/one',
    sees: ['attributes /dir', 'attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'setting the time': {
    script: 'touch dir/one',
    sees: ['attributes /dir', 'attributes /dir/one', 'content /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  removing: {
    script: python('import os; os.unlink("dir/one")'),
    sees: ['attributes /dir', 'attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'removing what is not there': {
    script: python('import os\ntry: os.unlink("dir/none")\nexcept FileNotFoundError: pass'),
    sees: ['absent /dir/none', 'entry /dir'],
  },
  renaming: {
    script: python('import os; os.rename("dir/one","dir/none")'),
    sees: [
      'absent /dir/none',
      'attributes /dir',
      'attributes /dir/one',
      'content /dir/one',
      'entry /dir',
      'entry /dir/one',
    ],
  },
  'renaming over': {
    script: 'echo new > new; mv -f new dir/one',
    sees: ['absent /new', 'attributes /dir', 'attributes /dir/one', 'entry /dir', 'entry /dir/one'],
  },
  'a hard link': {
    script: 'ln dir/one again',
    sees: [
      'absent /again',
      'attributes /dir',
      'attributes /dir/one',
      'content /dir/one',
      'entry /dir',
      'entry /dir/one',
    ],
  },
  'removing a directory': {
    script: 'rm -r dir',
    sees: [
      'attributes /dir',
      'attributes /dir/empty',
      'attributes /dir/one',
      'attributes /dir/sub',
      'attributes /dir/sub/deep',
      'attributes /dir/two',
      'content /dir/empty',
      'entry /dir',
      'entry /dir/empty',
      'entry /dir/one',
      'entry /dir/sub',
      'entry /dir/sub/deep',
      'entry /dir/two',
      'listing /dir',
      'listing /dir/sub',
    ],
  },
  'removing a directory that is not empty': { script: 'rmdir dir', code: 1, sees: ['entry /dir', 'listing /dir'] },
  'making a directory': {
    script: 'mkdir made && touch made/file && ls made',
    stdout: 'file\n',
    sees: ['absent /made'],
  },
  'making a directory that is there': {
    script: python('import os\ntry: os.mkdir("dir")\nexcept FileExistsError: pass'),
    sees: ['entry /dir'],
  },
  'its own output': {
    script: 'echo x > dir/out; cat dir/out; rm dir/out; test -e dir/out',
    code: 1,
    sees: ['absent /dir/out', 'attributes /dir', 'entry /dir'],
  },
  'a file that is not there': { script: 'cat dir/none', code: 1, sees: ['absent /dir/none', 'entry /dir'] },
  'a directory that is not there': { script: 'cat none/none', code: 1, sees: ['absent /none'] },
  'a file on the way': { script: 'cat tool/none', code: 1, sees: ['attributes /tool', 'entry /tool'] },
  globs: { script: 'echo dir/o*', stdout: 'dir/one\n', sees: ['attributes /dir', 'entry /dir', 'listing /dir'] },
  'an archive': {
    script: 'tar -cf out.tar dir/sub',
    sees: [
      'absent /out.tar',
      'attributes /dir/sub',
      'attributes /dir/sub/deep',
      'content /dir/sub/deep',
      'entry /dir',
      'entry /dir/sub',
      'entry /dir/sub/deep',
      'listing /dir/sub',
    ],
  },
};

let served: Served;
let views = 0;
beforeAll(async () => void (served = await serveDirectory({ fill })));
afterAll(() => served[Symbol.asyncDispose]());

test.each(Object.entries(programs))('%s', async (_, { script, code = 0, stdout, sees }) => {
  await served.server.addView(wholeRepository({ ordinal: ++views }));
  const cwd = await served.overlay(views);
  const ran = await served.run(script, { cwd });
  expect(ran.code, ran.stderr).toBe(code);
  if (stdout !== undefined) expect(ran.stdout).toBe(stdout);
  expect(await served.seen()).toEqual([...sees].sort());
});
