import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, test } from 'vitest';
import { debianBase } from '../support/base-machine.ts';
import { checkout } from '../support/layer-run.ts';

beforeAll(async () => void (await debianBase()));

const hello = { Layerfile: 'FROM vm/debian:12\nRUN echo hello\n' };

describe('a host that cannot run machines', () => {
  test('without root, sudo or subordinate ids is told what to do', () => {
    const { bash } = checkout(hello);
    const bin = 'mkdir "$HOME/bin"; for p in /usr/bin/*; do [ "${p##*/}" = sudo ] || ln -s "$p" "$HOME/bin/"; done';
    const asNobody =
      'chmod -R a+rwX "$HOME"; PATH="$HOME/bin" setpriv --reuid 65534 --regid 65534 --clear-groups $LAYER run';
    const { code, said } = bash(`${bin}; ${asNobody}`);
    expect({ code, said }).toEqual({
      code: 3,
      said: expect.stringMatching(
        /^layer run: this host cannot run machines: not root, there is no sudo, and .*\n  to mend it: sudo (apt install uidmap|usermod --add-subuids .*)\n$/,
      ),
    });
  });

  test('with subordinate ids becomes root of a user namespace; what is not its own to read is named', async () => {
    const { root } = await debianBase();
    const { bash } = checkout({
      Layerfile:
        'FROM vm/own:1\nSECRET ENV TOKEN\nCOPY . .\nRUN id -u; ls; test "$TOKEN" = hidden-value && echo same\n',
      '.layer/config.json': JSON.stringify({ bases: { 'vm/own:1': { tarball: 'own.tar' } } }),
      '.layerignore': '*.tar\n',
      locked: 'x',
      'shut/file': 'x',
    });
    const ids = `printf 'nobody:300000:65536\\n' > ids; mount --bind ids /etc/subuid; mount --bind ids /etc/subgid`;
    const devices =
      'mount -t tmpfs none /dev/shm; mknod -m 666 /dev/shm/fuse c 10 229; mount --bind /dev/shm/fuse /dev/fuse';
    const files = `tar --create --file=own.tar --directory=${root} .; chmod -R a+rwX "$HOME"; chmod 0700 locked shut`;
    const asNobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups $LAYER run --secret TOKEN --progress plain';
    const script = `set -e; ${ids}; ${devices}; ${files}; ${asNobody}`;
    const env = { LAYER_BASES: '', TOKEN: 'hidden-value', SCRIPT: script };
    const { code, said } = bash(`unshare --mount bash -c "$SCRIPT"`, { env });
    expect({ code, said }).toEqual({
      code: 0,
      said: expect.stringMatching(/│ 0\n(.*\n)*.*│ ids\n(.*\n)*.*│ shut\n(.*\n)*.*│ same\n/),
    });
    expect(said).toContain('warning: cannot be read, so no machine sees what is in it: ');
    expect(said).toMatch(/: (locked, shut|shut, locked)\n/);
    expect(said).not.toMatch(/│ (locked|own.tar)/);
  });

  test('without /dev/fuse says so', () => {
    const { bash } = checkout(hello);
    const { code, said } = bash(
      `unshare --mount bash -c 'mount -t tmpfs none /dev; for d in "null 3" "zero 5" "urandom 9"; do mknod -m 666 /dev/\${d% *} c 1 \${d#* }; done; $LAYER run'`,
    );
    expect({ code, said }).toEqual({
      code: 3,
      said: expect.stringMatching(
        /^error: this host cannot run machines: \/dev\/fuse: cannot be opened \(ENOENT\): (modprobe fuse|docker run --device \/dev\/fuse .*)\n/,
      ),
    });
  });

  test('whose store cannot hold a machine’s layers says what to give', () => {
    const { bash } = checkout(hello);
    const mount =
      'cd "$HOME"; mkdir l u w store; mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w store; cd repo; $LAYER run';
    const { code, said } = bash(`unshare --mount bash -c '${mount}'`);
    expect({ code, said }).toEqual({
      code: 3,
      said: expect.stringMatching(
        /overlay: the store's file system \(overlayfs\) cannot hold a machine's layers: mount: .*--store/,
      ),
    });
  });
});

describe('a base machine', () => {
  test('that no registry gives ends with 3 and the registry’s name', () => {
    const bases = { 'vm/own:1': { oci: '127.0.0.1:1/own:1' } };
    const { layer } = checkout({
      Layerfile: 'FROM vm/own:1\nRUN true\n',
      '.layer/config.json': JSON.stringify({ bases }),
    });
    const { code, said } = layer(['run']);
    expect({ code, said }).toEqual({ code: 3, said: expect.stringContaining('127.0.0.1:1') });
  });
});

describe('a secret', () => {
  const wants = { Layerfile: 'FROM vm/debian:12\nRUN echo first\nSECRET ENV TOKEN\nRUN echo second\n' };

  test('that nobody gave is an error before any machine starts', () => {
    const { layer } = checkout(wants);
    const { code, said } = layer(['run', '--json']);
    expect({ code, said }).toEqual({ code: 3, said: expect.stringContaining('--secret TOKEN') });
    expect(said).not.toMatch(/machineStarting|stepStarted/);
    expect(layer(['run', '--secret', 'TOKEN'])).toEqual({ code: 64, said: expect.stringContaining('TOKEN') });
    expect(layer(['run', '--secret', 'TOKEN'], { env: { TOKEN: 'hidden-value' } }).code).toBe(0);
  });

  test('on the command line is refused with advice', () => {
    const { layer } = checkout(wants);
    const { code, said } = layer(['run', '--secret', 'TOKEN=hidden-value']);
    expect({ code, said }).toEqual({ code: 64, said: expect.stringContaining('--secret TOKEN') });
    expect(said).not.toContain('hidden-value');
  });
});

test('WAIT on a Layerfile that fails is cancelled, and has not failed', () => {
  const { layer } = checkout({
    'api/Layerfile': 'FROM vm/debian:12\nRUN exit 4\n',
    'web/Layerfile': 'FROM vm/debian:12\nWAIT /api\nRUN echo never\n',
  });
  const { code, said } = layer(['run', '--keep-going']);
  expect(code).toBe(1);
  expect(said).toContain('web cancelled: api failed');
  expect(said).not.toMatch(/│ never|failed: web/);
});

test('what the machine has of its own cannot be something else', () => {
  const { layer } = checkout({ Layerfile: 'FROM vm/debian:12\nCOPY d /etc/hostname\n', 'd/file': '' });
  const { code, said } = layer(['run']);
  expect(code).toBe(1);
  expect(said).toContain(
    '/etc/hostname is a directory, and the machine needs a file there for its own; leave it as it was',
  );
});

describe('a store', () => {
  test('of another build, or damaged, is named with what to do; bases stay', () => {
    const { layer, store } = checkout(hello);
    expect(layer(['run']).code).toBe(0);
    const [version = ''] = readdirSync(store).filter((name) => /^v\d/.test(name));
    const path = join(store, version, 'store.db');
    const database = new DatabaseSync(path);
    database.exec('pragma user_version = 7; alter table instances drop column title');
    database.close();
    const wrong = layer(['run']);
    expect(wrong).toEqual({
      code: 3,
      said: `layer run: the store <here>/store/${version} cannot be used: another build of layer made it; delete <here>/store/${version} (base machines stay), or give another place with --store\n`,
    });
    for (const name of readdirSync(join(store, version)).filter((one) => one.startsWith('store.db'))) {
      writeFileSync(join(store, version, name), 'no database at all, but long enough to look like one'.repeat(100));
    }
    expect(layer(['run'])).toEqual({
      code: 3,
      said: expect.stringContaining('store.db is damaged; delete <here>/store'),
    });
  });

  test('where none can be written says so', () => {
    const { layer, here } = checkout(hello);
    writeFileSync(join(here, 'file'), '');
    const { code, said } = layer(['run', '--store', join(here, 'file/store')]);
    expect({ code, said }).toEqual({
      code: 3,
      said: expect.stringMatching(/^layer run: the store .* cannot be used: .*--store\n$/),
    });
  });

  test('is not the repository itself, whose files machines see', () => {
    const { layer } = checkout(hello);
    expect(layer(['run', '--store', '.'])).toEqual({
      code: 3,
      said: expect.stringMatching(
        /^layer run: the store .* is the repository itself; give another place with --store\n$/,
      ),
    });
  });

  test('serves two runs at once', () => {
    const { bash } = checkout({
      Layerfile: 'FROM vm/debian:12\nCOPY . .\nRUN sleep 1; cat input\nRUN echo end\n',
      input: 'x',
    });
    const { code, said } = bash(
      'layer run > one & first=$!; layer run > two; a=$?; wait $first; echo "$? $a"; cat one two; layer run',
    );
    expect(code).toBe(0);
    expect(said).toMatch(/^0 0\n/);
    expect(said).toContain('skipped 3 of 3 steps');
  });
});

describe('what a machine sees', () => {
  test('is the repository as it was when the run began, whatever is edited meanwhile', () => {
    const { bash } = checkout({
      Layerfile: 'FROM vm/debian:12\nCOPY . .\nRUN touch /started; sleep 2; cat late\nRUN cat other\n',
      late: 'before\n',
      other: 'same\n',
    });
    const first = bash('layer run > log & sleep 1.8; echo after > late; wait $!; echo "exit $?"; cat log');
    // What was served is what is known: the content from before, or none at all, with the file's name.
    expect(first.said).toMatch(/│ before|late changed while it was being used/);
    expect(first.said).not.toContain('│ after');
    const second = bash('layer run');
    expect(second.code).toBe(0);
    expect(second.said).toContain('│ after');
  });

  test('is without what .layerignore names', () => {
    const { layer } = checkout({
      Layerfile: 'FROM vm/debian:12\nCOPY . .\nRUN ls -A\n',
      '.layerignore': 'left-out\n*.log\n',
      'left-out': '',
      'a.log': '',
      kept: '',
    });
    const { said } = layer(['run']);
    expect(said).toContain('│ kept');
    expect(said).not.toMatch(/│ (left-out|a.log)/);
  });

  test('has git’s own directory where a variable names it', () => {
    const { bash } = checkout({
      Layerfile: 'FROM vm/debian:12\nENV WHAT=.git\nCOPY $WHAT /repository\nRUN cat /repository/HEAD\n',
    });
    const { code, said } = bash('git init --quiet --initial-branch=trunk; layer run');
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining('│ ref: refs/heads/trunk') });
  });
});

describe('a run', () => {
  const two = {
    'web/Layerfile': 'FROM vm/debian:12\nCOPY . .\nRUN cat page\n',
    'web/page': 'page\n',
    'api/Layerfile': 'FROM vm/debian:12\nRUN echo api\n',
  };

  test('outside git and from a directory inside takes the repository it is in', () => {
    const outside = checkout(two);
    expect(outside.layer(['run', 'web']).said).toContain('skipped 0 of 2 steps');
    expect(outside.layer(['run', 'web', 'api']).said).toContain('skipped 2 of 3 steps');
    const inside = checkout(two);
    inside.bash('git init --quiet');
    expect(inside.layer(['run'], { cwd: 'web' }).said).toContain('api ▸ RUN echo api │ api');
    expect(inside.layer(['run', '.'], { cwd: 'web' }).said).toContain('skipped 2 of 2 steps');
  });
});

describe('FROM github/…', () => {
  const from = (commit: string, path = '') => `FROM github/our/machines/${path}Layerfile@${commit}\nRUN cat hello\n`;

  test('is fetched once, by the host’s git, and never gets into the repository', () => {
    const { bash, layer, repo, here } = checkout({ Layerfile: '' });
    const git = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.file://${here}/.insteadOf`,
      GIT_CONFIG_VALUE_0: 'https://github.com/',
    };
    mkdirSync(join(here, 'our'));
    const made = bash(
      `git init --quiet ../src; cd ../src; mkdir base
       printf 'FROM vm/debian:12\\nCOPY hello .\\n' > base/Layerfile; echo from afar > base/hello
       printf 'FROM ./base\\n' > Layerfile; git add .; git commit --quiet -m one; git clone --quiet --bare . ../our/machines.git; git rev-parse HEAD`,
    );
    const commit = made.said.trim().split('\n').at(-1) ?? '';
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    bash('git init --quiet');
    writeFileSync(join(repo, 'Layerfile'), from(commit.slice(0, 9)));

    const offline = layer(['run', '--offline'], { env: git });
    expect(offline).toEqual({ code: 3, said: expect.stringContaining('--offline fetches nothing') });
    const checked = layer(['check'], { env: git });
    expect(checked).toEqual({ code: 2, said: expect.stringContaining('has not been fetched') });
    const fetched = layer(['run'], { env: git });
    expect(fetched).toEqual({ code: 0, said: expect.stringContaining('│ from afar') });
    expect(readFileSync(join(repo, '.layer/vendor/our/machines', commit, 'base/hello'), 'utf8')).toBe('from afar\n');
    expect(existsSync(join(repo, '.layer/vendor/our/machines', commit, '.git'))).toBe(false);
    expect(bash('git status --short').said).toBe('?? Layerfile\n');
    expect(layer(['run', '--offline'])).toEqual({ code: 0, said: expect.stringContaining('skipped 2 of 2 steps') });
    expect(layer(['check']).code).toBe(0);

    writeFileSync(join(repo, 'Layerfile'), from(commit, 'base/'));
    expect(layer(['run'], { env: git })).toEqual({ code: 0, said: expect.stringContaining('skipped 2 of 2 steps') });
    for (const [nowhere, why] of [
      ['0123456', 'no branch or tag holds exactly one commit that begins with 0123456'],
      ['0123456789012345678901234567890123456789', 'not our ref'],
    ] as const) {
      writeFileSync(join(repo, 'Layerfile'), from(nowhere));
      expect(layer(['run'], { env: git })).toEqual({ code: 3, said: expect.stringContaining(why) });
    }
    expect(readdirSync(join(repo, '.layer/vendor')).sort()).toEqual(['.gitignore', 'our']);
  });
});
