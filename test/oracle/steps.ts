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

/** Where a trial's steps look. */
export interface Place {
  /** The trial's directory in the repository, from its root: `/t12`. */
  readonly at: string;
  /** Directories of the machine that files are copied into. */
  readonly roots: readonly string[];
  /** COPY names all of the sources, which may be no directory. */
  readonly whole: boolean;
}

/** A path in the machine where something may be, as bash reads it. */
export function aPath(random: Random, { roots }: Place): string {
  const name = random.chance(0.12)
    ? random.pick(['added', 'dir/added', 'way/a', 'way/added', 'link/a', 'made', 'dir/made'])
    : random.pick(sourcePaths);
  return quoted(`${random.pick(roots)}/${name}`);
}

export function aDirectory(random: Random, { roots }: Place): string {
  if (random.chance(0.3)) return random.pick(roots);
  return random.pick(['/w/dir', '/w/dir', '/w/other', '/w/way', '/w/sub', '/w/dir/sub', '/q/dir', '/w/deep']);
}

function word(random: Random): string {
  return random.pick(['1', '2', '3', 'word']);
}

/** One short thing that a step does; all it prints is kept in the machine, so that the final tree shows it. */
const actions: readonly (readonly [weight: number, make: (random: Random, place: Place) => string])[] = [
  [6, (random, place) => `cat ${aPath(random, place)}`],
  [2, (random, place) => `cat ${aPath(random, place)} ${aPath(random, place)}`],
  [1, (random, place) => `head -c 1 ${aPath(random, place)}`],
  [2, (random, place) => `ls -A ${aDirectory(random, place)} | sort`],
  [1, (random, place) => `echo ${aDirectory(random, place)}/*`],
  [1, (random, place) => `find ${aDirectory(random, place)} -type f | sort`],
  [1, (random, place) => `find ${aDirectory(random, place)} -maxdepth 1 -type d | sort`],
  [1, () => `find / -xdev -maxdepth 2 -path '/[wq]*' -type l | sort`],
  [
    3,
    (random, place) =>
      `test -${random.pick(['e', 'f', 'd', 'x', 's', 'L', 'w'])} ${aPath(random, place)} && echo yes || echo no`,
  ],
  [2, (random, place) => `stat -c '%a %F %u:%g' ${aPath(random, place)}`],
  [1, (random, place) => `stat -L -c '%s' ${aPath(random, place)} | grep -v 4096`],
  [0.5, (random, place) => `stat --cached=always -c %s ${aPath(random, place)} | grep -v 4096`],
  [
    0.5,
    (random, place) =>
      `python3 -c "import fcntl,os,struct,sys; print(struct.unpack('i', fcntl.ioctl(os.open(sys.argv[1], 0), 0x541B, bytes(4)))[0])" ${aPath(random, place)} 2> /dev/null`,
  ],
  [0.3, () => 'hostname'],
  [1, (random, place) => `readlink ${aPath(random, place)}`],
  [1, (random, place) => `readlink -f ${aPath(random, place)}`],
  [1, (random, place) => `[ -e ${aPath(random, place)} ] && cat ${aPath(random, place)}`],
  [1, (random, place) => `cd ${aDirectory(random, place)} && pwd -P && cat a`],
  [1, (random, place) => `bash ${aPath(random, place)}`],
  [1, () => `/w/run.sh`],
  [
    1,
    (random, place) =>
      `PATH=${aDirectory(random, place)}:${aDirectory(random, place)}:$PATH; ${random.pick(['a', 'b', 'run.sh'])}`,
  ],
  [0.5, (random, place) => `tar -C ${aDirectory(random, place)} --mtime=@0 --sort=name -cf - . | md5sum`],
  [0.5, (random, place) => `ls -d ${aDirectory(random, place)}/{a,A,Dir,dir}`],
  [1, (random, place) => `grep -r 2 ${aDirectory(random, place)} | sort`],
  [1, (random, place) => `cmp ${aPath(random, place)} ${aPath(random, place)} && echo same`],
  [3, (random, place) => `echo ${word(random)} > ${aPath(random, place)}`],
  [2, (random, place) => `echo ${word(random)} >> ${aPath(random, place)}`],
  [1, (random, place) => `: > ${aPath(random, place)}`],
  [1, (random, place) => `truncate -s 1 ${aPath(random, place)}`],
  [2, (random, place) => `rm -f ${aPath(random, place)}`],
  [1, (random, place) => `rm -rf ${aDirectory(random, place)}`],
  [1, (random, place) => `rmdir ${aDirectory(random, place)}`],
  [2, (random, place) => `mv ${aPath(random, place)} ${aPath(random, place)}`],
  [1, (random, place) => `mv -T ${aDirectory(random, place)} ${aDirectory(random, place)}`],
  [1, (random, place) => `cp -a ${aPath(random, place)} ${aPath(random, place)}`],
  [
    1,
    (random, place) =>
      `cp -a ${aDirectory(random, place)} /out/copied; find /out/copied -type f | wc -l; rm -rf /out/copied`,
  ],
  [1, (random, place) => `ln ${aPath(random, place)} ${aPath(random, place)}`],
  [1, (random, place) => `ln -sfn ${random.pick(['a', 'dir', '/w/b'])} ${aPath(random, place)}`],
  [1, (random, place) => `mkdir -p ${aPath(random, place)}`],
  [1, (random, place) => `mkdir ${aDirectory(random, place)}/made`],
  [1, (random, place) => `touch ${aPath(random, place)}`],
  [1, (random, place) => `chmod ${random.pick(['600', '755', '2770'])} ${aPath(random, place)}`],
  [1, (random, place) => `chown 7:8 ${aPath(random, place)}`],
  [1, (random, place) => `sed -i s/1/2/ ${aPath(random, place)}`],
  [
    0.5,
    (random, place) => `python3 -c "import os,sys; os.setxattr(sys.argv[1], 'user.k', b'v')" ${aPath(random, place)}`,
  ],
  [
    0.5,
    (random, place) =>
      `python3 -c "import os,sys; print(sorted((e.name.encode('latin1','replace'), e.is_dir(follow_symlinks=False), e.is_symlink()) for e in os.scandir(sys.argv[1])))" ${aDirectory(random, place)}`,
  ],
];

/** A RUN that never fails; what it prints lies in the machine afterwards, or is shown. */
export function randomRun(random: Random, number: number, place: Place): string {
  const parts = Array.from({ length: 1 + random.below(2) }, () => `( ${random.weigh(actions)(random, place)} )`);
  if (random.chance(0.15)) return `RUN ${parts.join('; ')} 2>&1; true # ${number}`;
  return `RUN ( ${parts.join('; ')} ) > /out/${number} 2>&1; true`;
}

/** Where COPY puts something, what its destinations lead through, and what steps look at. */
const replaced = [
  ...['/w', '/w/dir', '/w/dir/sub', '/w/sub', '/w/sub/deeper', '/w/way', '/w/link', '/w/a', '/w/other', '/w/deep/er'],
  ...['/q', '/q/dir', '/q/a', '/c'],
] as const;

/** Puts something of another kind where files were copied, or will be, and sometimes what was there comes back. Nothing waits at a pipe: none is made. */
export function randomReplacement(random: Random, number: number): string {
  const at = random.pick(replaced);
  const other = random.pick(replaced.filter((one) => one !== at && !one.startsWith(`${at}/`)));
  const away = `mkdir -p ${at.slice(0, at.lastIndexOf('/')) || '/'}; rm -rf ${at}`;
  const kept = `mv -T ${at} /out/kept${number}`;
  const parts = random.weigh<readonly string[]>([
    [3, [away, `echo ${word(random)} > ${at}`]],
    [3, [away, `ln -s ${random.pick([other, other, 'nowhere', at, `${other}/a`, '/bin', '.', '..'])} ${at}`]],
    [2, [away, `mkdir ${at}`]],
    [1, [away, `mkdir ${at}`, `echo ${word(random)} > ${at}/a`, `ln -s a ${at}/b`]],
    [1, [away, `mknod ${at} c 1 3`]],
    [1, [away, `python3 -c "import os, sys; os.mknod(sys.argv[1], 0o140644)" ${at}`]],
    [1, [away]],
    [1, [kept, `ln -s /out/kept${number} ${at}`]],
    [1, [kept, `echo 1 > ${at}`, `rm -f ${at}`, `mv -T /out/kept${number} ${at}`]],
    [1, [kept, `mkdir ${at}`, `mv /out/kept${number} ${at}/`]],
    [0.7, [`rm -rf ${at}/.[!.]* ${at}/*`]],
    [0.7, [`mv -T ${at} /out/swap`, `mv -T ${other} ${at}`, `mv -T /out/swap ${other}`]],
    [0.5, [`chmod ${random.pick(['700', '2755', '000'])} ${at}`]],
  ]);
  return `RUN ( ${parts.join('; ')} ) > /out/${number} 2>&1; true`;
}

/** A COPY of a trial's sources. */
export function randomCopy(random: Random, { at, whole }: Place): string {
  if (whole) {
    return random.weigh([
      [3, `COPY ${at}/src /w`],
      [1, `COPY ${at}/src /w/sub`],
      [1, `COPY ${at}/src /q`],
      [1, `COPY ${at}/src /q/dir/`],
      [1, `COPY ${at}/src ${at}/Layerfile /w/sub/`],
      [0.5, `COPY ${at}/s*c /q/`],
      [0.5, `COPY ${at} /w/sub`],
    ]);
  }
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
    [0.5, `COPY ${at}/src/[a-d]* /q/`],
    [0.5, `COPY ${at}/src/ /w/../w/./`],
    [0.5, `COPY ${at}/./src/dir/ ${at}/src/../src/c.txt /w/dir/`],
  ];
  return random.weigh(copies);
}

/** Tools that look at times and sizes only, and keep what they found: a linter's cache and a small make. They print what a run without a cache would. */
export function linter(cache: string): string {
  return (
    `mkdir -p ${cache}; for f in /w/*; do [ -f "$f" ] || continue; case "$f" in *$'\\n'*) continue;; esac; k="$f $(stat -L -c "%y %s" "$f")"; l=$(grep -aF -- "$k|" ${cache}/lint 2>/dev/null | tail -1); ` +
    `if [ -n "$l" ]; then r=\${l##*|}; else r=$(md5sum < "$f"); echo "$k|$r" >> ${cache}/lint; fi; echo "$f $r" >> /out/lint; done`
  );
}

/** Trusts what it knows of an entry as long as the inode's own times and size are what they were: links and modes too. */
export function keeper(cache: string): string {
  return (
    `mkdir -p ${cache}; for p in /w/a /w/b /w/link /w/run.sh /w/dir/a /w/way; do k=${cache}/known\${p//\\//_}; s=$(stat -c '%F %y %z %s' $p 2>&1); ` +
    `if [ "$s" != "$(cat $k.seen 2> /dev/null)" ]; then { if [ -L $p ]; then readlink $p; elif [ -f $p ]; then stat -c %a $p; cat $p; fi; } > $k 2>&1; echo "$s" > $k.seen; fi; ` +
    `echo "$p $(tr -d '\\0' < $k)" >> /out/known; done; true`
  );
}

/** Trusts what it knows of the names in a directory as long as that is no newer. */
export function indexer(cache: string): string {
  return (
    `mkdir -p ${cache}; for d in /w /w/dir /w/dir/sub /w/sub; do k=${cache}/of\${d//\\//_}; [ -d $d ] || { echo "$d none" >> /out/index; continue; }; ` +
    `if [ ! -e $k ] || [ "$(stat -c %Y $d)" != "$(cat $k.time)" ]; then ls -A $d > $k; stat -c %Y $d > $k.time; fi; echo "$d $(sort $k | md5sum)" >> /out/index; done; true`
  );
}

export function maker(cache: string): string {
  return (
    `mkdir -p ${cache}/obj; for f in a b c.txt d.txt dir/a; do [ -f /w/$f ] || { rm -f ${cache}/obj/\${f//\\//_}; continue; }; o=${cache}/obj/\${f//\\//_}; ` +
    `[ -e $o ] && ! [ /w/$f -nt $o ] || cp -L --no-preserve=all /w/$f $o; done; (cd ${cache}/obj && grep -a "" * | sort) > /out/make; true`
  );
}
