import { Random } from './random.ts';
import { sourcePaths } from './tree.ts';

/** How bash writes a path: names may hold anything. */
function quoted(path: string): string {
  if (/^[\w./*-]+$/.test(path)) return path;
  const bytes = [...path].map((one) => {
    const code = one.charCodeAt(0);
    return code >= 0x20 && code < 0x7f && one !== "'" && one !== '\\'
      ? one
      : `\\x${code.toString(16).padStart(2, '0')}`;
  });
  return `$'${bytes.join('')}'`;
}

const roots = ['/w', '/w', '/w', '/q', '/w/sub'] as const;

function path(random: Random): string {
  const name = random.chance(0.12)
    ? random.pick(['added', 'dir/added', 'way/a', 'way/added', 'link/a', 'made', 'dir/made'])
    : random.pick(sourcePaths);
  return quoted(`${random.pick(roots)}/${name}`);
}

function directory(random: Random): string {
  return random.pick([
    '/w',
    '/w',
    '/q',
    '/w/dir',
    '/w/dir',
    '/w/other',
    '/w/way',
    '/w/sub',
    '/w/dir/sub',
    '/q/dir',
    '/w/deep',
  ]);
}

function word(random: Random): string {
  return random.pick(['1', '2', '3', 'word']);
}

/** One short thing that a step does; all it prints is kept in the machine, so that the final tree shows it. */
const actions: readonly (readonly [weight: number, make: (random: Random) => string])[] = [
  [6, (random) => `cat ${path(random)}`],
  [2, (random) => `cat ${path(random)} ${path(random)}`],
  [1, (random) => `head -c 1 ${path(random)}`],
  [2, (random) => `ls -A ${directory(random)} | sort`],
  [1, (random) => `echo ${directory(random)}/*`],
  [1, (random) => `find ${directory(random)} -type f | sort`],
  [1, (random) => `find ${directory(random)} -maxdepth 1 -type d | sort`],
  [1, () => `find / -xdev -maxdepth 2 -path '/[wq]*' -type l | sort`],
  [3, (random) => `test -${random.pick(['e', 'f', 'd', 'x', 's', 'L', 'w'])} ${path(random)} && echo yes || echo no`],
  [2, (random) => `stat -c '%a %F %u:%g' ${path(random)}`],
  [1, (random) => `stat -L -c '%s' ${path(random)} | grep -v 4096`],
  [1, (random) => `readlink ${path(random)}`],
  [1, (random) => `readlink -f ${path(random)}`],
  [1, (random) => `[ -e ${path(random)} ] && cat ${path(random)}`],
  [1, (random) => `cd ${directory(random)} && pwd -P && cat a`],
  [1, (random) => `bash ${path(random)}`],
  [1, () => `/w/run.sh`],
  [1, (random) => `grep -r 2 ${directory(random)} | sort`],
  [1, (random) => `cmp ${path(random)} ${path(random)} && echo same`],
  [3, (random) => `echo ${word(random)} > ${path(random)}`],
  [2, (random) => `echo ${word(random)} >> ${path(random)}`],
  [1, (random) => `: > ${path(random)}`],
  [1, (random) => `truncate -s 1 ${path(random)}`],
  [2, (random) => `rm -f ${path(random)}`],
  [1, (random) => `rm -rf ${directory(random)}`],
  [1, (random) => `rmdir ${directory(random)}`],
  [2, (random) => `mv ${path(random)} ${path(random)}`],
  [1, (random) => `mv -T ${directory(random)} ${directory(random)}`],
  [1, (random) => `cp -a ${path(random)} ${path(random)}`],
  [1, (random) => `cp -a ${directory(random)} /out/copied; find /out/copied -type f | wc -l; rm -rf /out/copied`],
  [1, (random) => `ln ${path(random)} ${path(random)}`],
  [1, (random) => `ln -sfn ${random.pick(['a', 'dir', '/w/b'])} ${path(random)}`],
  [1, (random) => `mkdir -p ${path(random)}`],
  [1, (random) => `mkdir ${directory(random)}/made`],
  [1, (random) => `touch ${path(random)}`],
  [1, (random) => `chmod ${random.pick(['600', '755', '2770'])} ${path(random)}`],
  [1, (random) => `chown 7:8 ${path(random)}`],
  [1, (random) => `sed -i s/1/2/ ${path(random)}`],
  [0.5, (random) => `python3 -c "import os,sys; os.setxattr(sys.argv[1], 'user.k', b'v')" ${path(random)}`],
  [
    0.5,
    (random) =>
      `python3 -c "import os,sys; print(sorted((e.name.encode('latin1','replace'), e.is_dir(follow_symlinks=False), e.is_symlink()) for e in os.scandir(sys.argv[1])))" ${directory(random)}`,
  ],
];

function action(random: Random): string {
  return random.weigh(actions)(random);
}

/** A RUN, whose output lies in the machine afterwards. It never fails. */
export function randomRun(random: Random, number: number): string {
  const parts = Array.from({ length: 1 + random.below(2) }, () => `( ${action(random)} )`);
  return `RUN ( ${parts.join('; ')} ) > /out/${number} 2>&1; true`;
}

/** A COPY; `at` is the trial's directory in the repository. */
export function randomCopy(random: Random, at: string): string {
  const copies: readonly (readonly [number, string])[] = [
    [3, `COPY ${at}/src /w`],
    [1, `COPY ${at}/src /q`],
    [1, `COPY ${at}/src/dir /w`],
    [1, `COPY ${at}/src/dir /q/dir`],
    [1, `COPY ${at}/src/a /q/a`],
    [1, `COPY ${at}/src/a /w/way/`],
    [1, `COPY ${at}/src/a /w/way/b`],
    [1, `COPY ${at}/src/*.txt /q/`],
    [1, `COPY ${at}/src/dir ${at}/src/c.txt /q/`],
    [1, `COPY ${at}/src/a ${at}/src/*.txt /w/sub/`],
    [0.5, `COPY ${at}/src/**/a /q/`],
    [0.5, `COPY ${at}/src/a /w/link`],
    [0.5, `COPY ${at}/src/c.txt /bin/`],
    [0.5, `COPY ${at}/src/dir /w/sub/deeper`],
  ];
  return random.weigh(copies);
}

/** Tools that look at times and sizes only, and keep what they found: a linter's cache and a small make. They print what a run without a cache would. */
export function linter(cache: string): string {
  return (
    `for f in /w/*; do [ -f "$f" ] || continue; case "$f" in *$'\\n'*) continue;; esac; k="$f $(stat -L -c "%y %s" "$f")"; l=$(grep -aF -- "$k|" ${cache}/lint 2>/dev/null | tail -1); ` +
    `if [ -n "$l" ]; then r=\${l##*|}; else r=$(md5sum < "$f"); echo "$k|$r" >> ${cache}/lint; fi; echo "$f $r" >> /out/lint; done`
  );
}

export function maker(cache: string): string {
  return (
    `mkdir -p ${cache}/obj; for f in a b c.txt d.txt dir/a; do [ -f /w/$f ] || { rm -f ${cache}/obj/\${f//\\//_}; continue; }; o=${cache}/obj/\${f//\\//_}; ` +
    `[ -e $o ] && ! [ /w/$f -nt $o ] || cp -L --no-preserve=all /w/$f $o; done; (cd ${cache}/obj && grep -a "" * | sort) > /out/make; true`
  );
}
