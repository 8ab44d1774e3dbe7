import { livesOn, ownMount, type Scenario } from '../scenario.ts';

/** What is known of each entry, kept in a CACHE and trusted while the inode's own times and size are what they were: as `rsync`, `tar -g` and backup tools do. */
const keeper = (index: string, ...paths: readonly string[]): string =>
  `mkdir -p ${index}; for p in ${paths.join(' ')}; do k=${index}/$(echo $p | tr / _); ` +
  `if [ "$(stat -c '%Y %Z %s' $p 2>&1)" != "$(cat $k.seen 2>/dev/null)" ]; then { [ -L $p ] && readlink $p || { stat -c %a $p; cat $p; }; } > $k 2>/dev/null; stat -c '%Y %Z %s' $p > $k.seen 2>&1; fi; ` +
  `echo $(cat $k); done`;

const python = (...lines: readonly string[]): string => `RUN python3 -c '${lines.join('; ')}'`;

function sizer(name: string, step: string): Scenario {
  return {
    rows: ['H14'],
    name,
    files: { f: 'one\n', other: '' },
    steps: [step],
    prints: '4\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'longer\n' }, reruns: 'RUN', because: '{}/f changed', prints: '7\n' },
    ],
  };
}

/** Uncommon ways to look. */
export const tools: readonly Scenario[] = [
  sizer(
    'size-by-ioctl',
    python(
      'import fcntl, os, struct',
      'f = os.open("/w/f", 0)',
      'print(struct.unpack("i", fcntl.ioctl(f, 0x541B, b"\\0" * 4))[0])',
    ),
  ),
  sizer('size-by-cached-stat', 'RUN stat --cached=always -c %s /w/f'),
  sizer('size-by-seeking', python('import os', 'f = os.open("/w/f", 0)', 'print(os.lseek(f, 0, 2))')),
  sizer('size-by-hole', python('import os', 'f = os.open("/w/f", 0)', 'print(os.lseek(f, 0, 4))')),
  {
    rows: ['H05'],
    name: 'splice-behind-the-end',
    files: { f: 'one\n', other: '' },
    steps: [
      python('import os', 'r, w = os.pipe()', 'f = os.open("/w/f", 0)', 'print(os.splice(f, w, 99, offset_src=6))'),
    ],
    prints: '0\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'longer..\n' }, reruns: 'RUN', because: '{}/f changed', prints: '3\n' },
    ],
  },
  {
    rows: ['H05'],
    name: 'map-behind-the-end',
    files: { f: 'one\n', other: '' },
    steps: [
      `RUN { python3 -c 'import ctypes, os, sys; c = ctypes.CDLL(None); c.mmap.restype = ctypes.c_void_p; c.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]; f = os.open("/w/f", 0); a = c.mmap(None, 65536, 1, 2, f, 0); print("mapped", flush=True); print(ctypes.string_at(a + 8192, 1))' || echo over; } 2> /dev/null`,
    ],
    prints: 'mapped\nover\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'y'.repeat(9000) }, reruns: 'RUN', because: '{}/f changed', prints: "mapped\nb'y'\n" },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-and-a-link-retargeted',
    files: { v1: '1\n', v2: '2\n', current: { link: 'v1' }, mode: 'x\n', f: '1\n' },
    steps: ['COPY . /w', 'CACHE /known', `RUN ${keeper('/known', '/w/current', '/w/mode', '/w/f')}`],
    prints: 'v1\n664 x\n664 1\n',
    edits: [
      { put: { current: { link: 'v2' } }, reruns: 'RUN', prints: 'v2\n664 x\n664 1\n' },
      { shell: 'chmod +x mode', reruns: 'RUN', prints: 'v2\n775 x\n664 1\n' },
      { put: { f: '2\n' }, reruns: 'RUN', prints: 'v2\n775 x\n664 2\n' },
      { put: { current: 'v2', f: '1\n' }, reruns: 'RUN', prints: '664 v2\n775 x\n664 1\n' },
      { put: { current: { link: 'v1' } }, reruns: 'RUN', prints: 'v1\n775 x\n664 1\n' },
      { put: { other: '' }, reruns: null },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-and-incremental-tar',
    files: { 'd/a': '1\n', 'd/b': '1\n', 'd/e/c': '1\n' },
    steps: [
      'COPY d /w/d',
      'CACHE /snar /made',
      'RUN mkdir -p /snar /made; cd /w && tar --listed-incremental=/snar/s -cf /tmp/x.tar d && tar --listed-incremental=/dev/null -xf /tmp/x.tar -C /made',
      'RUN cd /made && grep -r . d | sort',
    ],
    prints: 'd/a:1\nd/b:1\nd/e/c:1\n',
    edits: [
      { put: { 'd/a': '2\n' }, reruns: 'RUN', prints: 'd/a:2\nd/b:1\nd/e/c:1\n' },
      { put: { 'd/b': null }, reruns: 'RUN', prints: 'd/a:2\nd/e/c:1\n' },
      { put: { 'd/e/f': '3\n', 'd/a': '1\n' }, reruns: 'RUN', prints: 'd/a:1\nd/e/c:1\nd/e/f:3\n' },
      { put: { other: '' }, reruns: null },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-and-byte-code',
    files: { 'm.py': 'x = 1\n', 'main.py': 'import m; print(m.x)\n' },
    steps: ['COPY m.py main.py /w/', 'CACHE /pyc', 'RUN PYTHONPYCACHEPREFIX=/pyc python3 /w/main.py'],
    prints: '1\n',
    edits: [
      { put: { 'm.py': 'x = 2\n' }, reruns: 'RUN', prints: '2\n' },
      { put: { 'm.py': 'x = 3\n' }, reruns: 'RUN', prints: '3\n' },
      { put: { 'm.py': 'x = 1\n' }, reruns: null },
      { put: { 'm.py': 'x = 4\n' }, reruns: 'RUN', prints: '4\n' },
      { put: { other: '' }, reruns: null },
    ],
  },
  {
    rows: ['H38'],
    name: 'cache-of-a-file-in-a-new-directory',
    files: { f: 'one\n', other: '' },
    steps: [
      'CACHE /new/dir/file /another/new',
      'COPY f /w/',
      'RUN cat /w/f; stat -c %a /new/dir /another; echo x >> /new/dir/file',
    ],
    prints: 'one\n775\n775\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN', prints: 'two\n775\n775\n' },
    ],
  },
  {
    rows: ['H38'],
    name: 'cache-saved-under-a-process-that-writes',
    files: { f: 'one\n', other: '' },
    steps: [
      'COPY f /w/',
      'CACHE /c',
      'RUN a=$(cat /c/a) z=$(cat /c/z); case $((a - z)) in 0|1) echo whole ;; *) echo torn $a $z ;; esac > /checked 2>/dev/null; cat /w/f',
      'RUN BACKGROUND mkdir -p /c/m; (cd /c/m && touch $(seq 4000)); n=$(cat /c/a); while :; do n=$((n + 1)); for to in a z; do echo $n > /c.new; mv /c.new /c/$to; done; done',
      'RUN until [ -e /c/z ]; do sleep 0.05; done; cat /checked',
    ],
    prints: 'whole\n',
    edits: [
      { put: { f: 'two\n' }, reruns: 'RUN a=', prints: 'whole\n' },
      { put: { f: 'three\n' }, reruns: 'RUN a=', prints: 'whole\n' },
      { put: { other: 'x' }, reruns: null },
    ],
  },
  {
    rows: ['H12'],
    name: 'listing-by-small-pieces',
    files: { 'd/a': '', 'd/b': '', 'd/c': '' },
    steps: [
      `RUN perl -e 'opendir($h, "/w/d"); $f = fileno $h; $b = "\\0" x 40; $n = syscall(217, $f, $b, 40); print substr($b, 19, 1), "\\n"; $n = syscall(217, $f, $b, 40); $n = syscall(217, $f, $b, 40); print unpack("Z*", substr($b, 19)), "\\n"'`,
    ],
    edits: [
      { put: { other: '' }, reruns: null },
      { put: { 'd/aa': '' }, reruns: 'RUN', because: '{}/d/ (listing) changed' },
      { put: { 'd/zz': '' }, reruns: 'RUN', because: '{}/d/ (listing) changed' },
    ],
  },
  {
    rows: ['H17'],
    name: 'walks-by-descriptors',
    files: { 'd/e/f': 'one\n', 'd/g': { link: '../../w/d/e/../e' }, out: { link: '/tmp/back/f' }, other: '' },
    steps: [
      'RUN ln -s ../w/d/g /tmp/back',
      `RUN python3 -c 'import os; p = os.open("/w/d/g", os.O_PATH); q = os.open("..", os.O_PATH, dir_fd=p); os.fchdir(q); f = os.open("e/f", 0); print(os.readlink("/proc/self/fd/%d" % f)); print(open("/proc/self/fd/%d" % f).read(), open("/proc/self/root/w/out").read(), open("/proc/self/cwd/e/../g/f").read(), sep="", end="")'`,
    ],
    prints: '/w/d/e/f\none\none\none\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { 'd/e/f': 'two\n' }, reruns: 'RUN python3', prints: '/w/d/e/f\ntwo\ntwo\ntwo\n' },
      { put: { out: { link: '/w/other' } }, reruns: 'RUN python3', prints: '/w/d/e/f\ntwo\nxtwo\n' },
    ],
  },
  {
    rows: ['H20'],
    name: 'hard-links-of-what-is-copied',
    files: { f: 'one\n', g: 'g\n', other: '' },
    steps: ['RUN ln /w/f /tmp/f; cp -al /w/g /tmp/g', 'RUN cat /tmp/f /tmp/g'],
    prints: 'one\ng\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN ln', because: '{}/f changed', prints: 'two\ng\n' },
      { put: { g: 'h\n' }, reruns: 'RUN ln', because: '{}/g changed', prints: 'two\nh\n' },
    ],
    withMemory: {
      since: ownMount,
      expect: {
        steps: [
          'RUN ln /w/f /tmp/f 2> /tmp/why || cp /w/f /tmp/f; cp -al /w/g /w/h',
          'RUN cat /tmp/f /w/h; grep -o "Invalid cross-device link" /tmp/why',
        ],
        prints: 'one\ng\nInvalid cross-device link\n',
        edits: [
          { put: { other: 'x' }, reruns: null },
          {
            put: { f: 'two\n' },
            reruns: 'RUN ln',
            because: '{}/f changed',
            prints: 'two\ng\nInvalid cross-device link\n',
          },
          {
            put: { g: 'h\n' },
            reruns: 'RUN ln',
            because: '{}/g changed',
            prints: 'two\nh\nInvalid cross-device link\n',
          },
        ],
      },
    },
  },
  {
    rows: ['H20'],
    name: 'opened-to-be-written-only',
    files: { f: 'one\n', g: 'one\n', h: 'one\n', other: '' },
    steps: [
      python('import os', 'os.close(os.open("/w/f", os.O_RDWR))', 'os.truncate("/w/g", 2)', 'os.utime("/w/h", (5, 5))'),
      'RUN cat /w/f /w/g /w/h',
    ],
    prints: 'one\nonone\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN python3', because: '{}/f changed', prints: 'two\nonone\n' },
      { put: { g: 'two\n' }, reruns: 'RUN python3', because: '{}/g changed', prints: 'two\ntwone\n' },
      { put: { h: 'two\n' }, reruns: 'RUN python3', because: '{}/h changed', prints: 'two\ntwtwo\n' },
    ],
  },
  {
    rows: ['H12'],
    name: 'odd-names',
    files: {
      [`d/${'n'.repeat(255)}`]: 'long\n',
      'd/line\nend': 'newline\n',
      [`d/${'é'.repeat(127)}`]: 'accents\n',
      'd/-n': 'dash\n',
      other: '',
    },
    steps: ['RUN cat /w/d/*'],
    prints: 'dash\nnewline\nlong\naccents\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { [`d/${'n'.repeat(255)}`]: 'longer\n' }, reruns: 'RUN', prints: 'dash\nnewline\nlonger\naccents\n' },
      { shell: `printf 'bytes\\n' > $'d/\\xff\\xfe'`, reruns: 'RUN', because: '{}/d/ (listing) changed' },
      { shell: `printf 'other\\n' > $'d/\\xff\\xfe'`, reruns: 'RUN' },
      { shell: `mv $'d/\\xff\\xfe' $'d/\\xff\\xfd'`, reruns: 'RUN', because: '{}/d/ (listing) changed' },
    ],
  },
  {
    rows: ['H06', 'H07'],
    name: 'directory-carried-along',
    files: { 'd/page': 'one\n', unread: '' },
    steps: [
      'RUN BACKGROUND cd /w/d; until [ -e /tmp/ask ]; do sleep 0.05; done; ls > /tmp/part; cat page >> /tmp/part; mv /tmp/part /tmp/answer; sleep 1000',
      'RUN touch /tmp/ask; until [ -e /tmp/answer ]; do sleep 0.05; done; cat /tmp/answer',
    ],
    prints: 'page\none\n',
    edits: [
      { put: { unread: 'x' }, reruns: null },
      {
        put: { 'd/page': 'two\n' },
        reruns: 'RUN BACKGROUND',
        prints: 'page\ntwo\n',
        withMemory: {
          since: livesOn,
          expect: { reruns: 'RUN touch', because: '{}/d/page changed', prints: 'page\ntwo\n' },
        },
      },
      {
        put: { 'd/new': '' },
        reruns: 'RUN BACKGROUND',
        prints: 'new\npage\ntwo\n',
        withMemory: {
          since: livesOn,
          expect: { reruns: 'RUN touch', because: '{}/d/ (listing) changed', prints: 'new\npage\ntwo\n' },
        },
      },
    ],
  },
  {
    rows: ['H20'],
    name: 'copied-under-a-process',
    files: { f: 'one\n', g: 'g\n', unread: '' },
    steps: ['COPY unread /w/', 'RUN BACKGROUND sleep 1000', 'COPY f g /w/', 'RUN cat /w/f'],
    prints: 'one\n',
    edits: [
      { put: { unread: 'x' }, reruns: null },
      {
        put: { g: 'h\n' },
        reruns: 'RUN BACKGROUND',
        prints: 'one\n',
        withMemory: {
          since: 'it is mounted under the process as elsewhere, so that nobody has read it, and the process lives on',
          expect: { reruns: null },
        },
      },
      {
        put: { f: 'two\n' },
        reruns: 'RUN BACKGROUND',
        prints: 'two\n',
        withMemory: {
          since: 'it is mounted under the process as elsewhere, and only the step that reads it has read it',
          expect: { reruns: 'RUN cat', because: '{}/f changed', prints: 'two\n' },
        },
      },
    ],
  },
  {
    rows: ['H12'],
    name: 'emptied-and-made-again',
    files: { 'd/a': 'a', 'e/b': 'b', other: '' },
    steps: ['RUN rm -rf /w/d && mkdir /w/d; rmdir /w/e 2>/dev/null || echo full', 'RUN ls /w/d /w/e'],
    prints: '/w/d:\n\n/w/e:\nb\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { 'd/new': '' }, reruns: 'RUN rm', prints: '/w/d:\n\n/w/e:\nb\n' },
      { put: { 'e/b': null, 'e/c': '' }, reruns: 'RUN rm', prints: '/w/d:\n\n/w/e:\nc\n' },
    ],
  },
  {
    rows: ['H35'],
    name: 'mounted-by-a-step-for-itself',
    files: { 'd/f': 'one\n', other: '' },
    steps: [`RUN unshare -Urm bash -c 'mount --bind /w/d /mnt && cat /mnt/f' 2>/dev/null || cat /w/d/f`],
    prints: 'one\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { 'd/f': 'two\n' }, reruns: 'RUN', because: '{}/d/f changed', prints: 'two\n' },
    ],
  },
  {
    rows: ['H14'],
    name: 'access-by-another-user',
    files: { f: 'x', 'd/g': '', other: '' },
    steps: ['USER somebody', 'RUN test -w /w/f && echo w; test -x /w/f && echo x; test -x /w/d && echo d; true'],
    prints: 'w\nd\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { shell: 'chmod +x f', reruns: 'RUN', because: '{}/f changed its kind or mode', prints: 'w\nx\nd\n' },
    ],
  },
];
