import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { BaseMachine } from '../../../src/runner/driver.ts';

/**
 * A root file system of 3 MB out of the host's own programs: busybox, bash with its libraries. Built in well under a second, without a network.
 * Needs the packages busybox-static and bash.
 */
export function buildTinyBase(root: string): BaseMachine {
  for (const path of ['usr/bin', 'usr/sbin', 'etc', 'root', 'tmp', 'run', 'home', 'var/tmp', 'proc', 'sys', 'dev']) {
    mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
  }
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('usr/sbin', join(root, 'sbin'));
  chmodSync(join(root, 'tmp'), 0o1777);
  chmodSync(join(root, 'root'), 0o770);
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  copyFileSync(busybox, join(root, 'usr/bin/busybox'));
  for (const applet of execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n')) {
    if (applet !== '' && applet !== 'busybox' && applet !== 'bash')
      symlinkSync('busybox', join(root, 'usr/bin', applet));
  }
  for (const program of ['/bin/bash', ...extraPrograms]) addProgram(root, realpathSync(program));
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/nonexistent:/bin/false\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n');
  writeFileSync(join(root, 'etc/shadow'), 'root:*:19000:0:99999:7:::\n', { mode: 0o640 });
  return { name: 'vm/tiny:1', digest: digestOf(root), root };
}

/** Of names, kinds and contents: what is made from a base is kept under it. */
function digestOf(root: string): string {
  const hash = createHash('sha256');
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  for (const path of paths) {
    const is = lstatSync(join(root, path));
    hash.update(`${path}\0${is.mode}\0`);
    if (is.isSymbolicLink()) hash.update(readlinkSync(join(root, path)));
    if (is.isFile()) hash.update(readFileSync(join(root, path)));
  }
  return `sha256:${hash.digest('hex')}`;
}

/** What the tests use beyond busybox. */
const extraPrograms = ['/usr/bin/setpriv', '/usr/bin/ipcmk'];

function addProgram(root: string, program: string): void {
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library] of libraries) {
    if (library === undefined) continue;
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(realpathSync(library), join(root, library));
    chmodSync(join(root, library), 0o755);
  }
  const target = join(root, 'usr/bin', program.split('/').at(-1) ?? '');
  rmSync(target, { force: true });
  copyFileSync(program, target);
}
