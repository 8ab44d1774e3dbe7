import type { Scenario } from '../scenario.ts';

/** What is not there, what a directory holds, and how a path ends in something else than a file. */
export const names: readonly Scenario[] = [
  {
    rows: ['H10'],
    name: 'absent-file',
    files: { a: 'a' },
    steps: ['RUN cat /w/.env.local 2>/dev/null || echo none'],
    prints: 'none\n',
    edits: [
      { put: { b: 'unrelated', '.env': 'near' }, reruns: null },
      { put: { '.env.local': 'X=1\n' }, reruns: 'RUN', because: '{}/.env.local appeared', prints: 'X=1\n' },
      { put: { b: 'again' }, reruns: null },
      // What was there before it appeared holds again, so its first result is found.
      { put: { '.env.local': null }, reruns: null },
    ],
  },
  {
    rows: ['H10'],
    name: 'absent-directory',
    files: { a: 'a' },
    steps: ['RUN test -e /w/config/local/x && echo there || echo missing'],
    prints: 'missing\n',
    edits: [
      { put: { 'other/local/x': '' }, reruns: null },
      { put: { 'config/y': '' }, reruns: 'RUN', because: '{}/config appeared', prints: 'missing\n' },
      { put: { 'config/local/x': '' }, reruns: 'RUN', because: '{}/config/local appeared', prints: 'there\n' },
    ],
  },
  {
    rows: ['H10'],
    name: 'module-resolution',
    files: { 'x.json': 'json' },
    steps: ['RUN cd /w && for one in x.js x.json x; do [ -f $one ] && cat $one && break; done'],
    prints: 'json',
    edits: [
      { put: { x: 'is not asked for' }, reruns: null },
      { put: { 'x.js': 'js' }, reruns: 'RUN', because: '{}/x.js appeared', prints: 'js' },
    ],
  },
  {
    rows: ['H10'],
    name: 'search-path',
    files: { 'one/readme': '', 'two/tool': { executable: '#!/bin/sh\necho two\n' } },
    steps: ['ENV PATH=/w/one:/w/two:$PATH', 'RUN tool'],
    prints: 'two\n',
    edits: [
      { put: { 'one/other': { executable: '' } }, reruns: null },
      {
        put: { 'one/tool': { executable: '#!/bin/sh\necho one\n' } },
        reruns: 'RUN',
        because: '{}/one/tool appeared',
        prints: 'one\n',
      },
    ],
  },
  {
    rows: ['H10', 'H05'],
    name: 'library-path',
    files: { 'lib/readme': '' },
    steps: ['RUN LD_LIBRARY_PATH=/w/lib ls / >/dev/null 2>&1 && echo loaded || echo broken'],
    prints: 'loaded\n',
    edits: [
      { put: { 'lib/libother.so': '' }, reruns: null },
      { put: { 'lib/libc.so.6': 'rubbish' }, reruns: 'RUN', because: /appeared$/, prints: 'broken\n' },
    ],
  },
  {
    rows: ['H11'],
    name: 'not-a-directory',
    files: { x: 'a file' },
    steps: ['RUN cat /w/x/y 2>&1 | sed "s/.*: //"'],
    prints: 'Not a directory\n',
    edits: [
      { put: { x: 'a fill' }, reruns: null },
      { put: { x: null, 'x/y': 'inside' }, reruns: 'RUN', because: '{}/x changed its kind or mode', prints: 'inside' },
      { put: { x: null, z: '' }, reruns: 'RUN', because: '{}/x is gone', prints: 'No such file or directory\n' },
    ],
  },
  {
    rows: ['H11', 'H17'],
    name: 'link-loop',
    files: { one: { link: 'two' }, two: { link: 'one' }, target: 'end\n' },
    steps: ['RUN cat /w/one 2>&1 | sed "s/.*: //"'],
    prints: 'Too many levels of symbolic links\n',
    edits: [
      { put: { target: 'other\n' }, reruns: null },
      { put: { two: { link: 'target' } }, reruns: 'RUN', because: '{}/two points elsewhere', prints: 'other\n' },
    ],
  },
  {
    rows: ['H11'],
    name: 'unreadable-on-the-host',
    files: { a: 'a' },
    steps: ['RUN cat /w/a; stat -c %a /w/a'],
    prints: 'a664\n',
    edits: [
      { shell: 'chmod 600 a', reruns: null },
      { shell: 'chmod 700 a', reruns: 'RUN', because: '{}/a changed its kind or mode', prints: 'a775\n' },
    ],
  },
  {
    rows: ['H12'],
    name: 'listing',
    files: { 'd/one': '1', 'd/two': '2' },
    steps: ['RUN echo /w/d/*'],
    prints: '/w/d/one /w/d/two\n',
    edits: [
      { put: { 'd/one': 'content only', e: 'elsewhere' }, reruns: null },
      {
        put: { 'd/three': '' },
        reruns: 'RUN',
        because: '{}/d/ (listing) changed',
        prints: '/w/d/one /w/d/three /w/d/two\n',
      },
      { shell: 'rm d/one', reruns: 'RUN', because: '{}/d/ (listing) changed', prints: '/w/d/three /w/d/two\n' },
      { shell: 'mv d/two d/four', reruns: 'RUN', because: '{}/d/ (listing) changed', prints: '/w/d/four /w/d/three\n' },
    ],
  },
  {
    rows: ['H12'],
    name: 'listing-kinds',
    files: { 'd/one': '1' },
    steps: [
      `RUN python3 -c "import os; print(sorted((e.name, e.is_dir(follow_symlinks=False)) for e in os.scandir('/w/d')))"`,
    ],
    prints: "[('one', False)]\n",
    edits: [
      { put: { 'd/one': 'two' }, reruns: null },
      { put: { 'd/one': null, 'd/one/deep': '' }, reruns: 'RUN', because: /listing|kind/, prints: "[('one', True)]\n" },
      { put: { 'd/one/deeper': '' }, reruns: null },
    ],
  },
  {
    rows: ['H12'],
    name: 'kind-of-what-is-copied',
    files: { thing: 'file' },
    steps: [
      'COPY thing /q/thing',
      'RUN find /q -mindepth 1 -maxdepth 1 -type f -printf "a file\\n" -o -printf "no file\\n"',
    ],
    prints: 'a file\n',
    edits: [
      { put: { thing: 'another file' }, reruns: null },
      { put: { thing: null, 'thing/inside': '' }, reruns: 'RUN', prints: 'no file\n' },
    ],
  },
  {
    rows: ['H12'],
    name: 'kind-of-what-is-copied-scandir',
    files: { thing: 'file' },
    steps: [
      'COPY thing /q/thing',
      `RUN python3 -c "import os; print([(e.name, e.is_dir(follow_symlinks=False)) for e in os.scandir('/q')])"`,
    ],
    prints: "[('thing', False)]\n",
    edits: [
      { put: { thing: 'another file' }, reruns: null },
      { put: { thing: null, 'thing/inside': '' }, reruns: 'RUN', prints: "[('thing', True)]\n" },
    ],
  },
  {
    rows: ['H12'],
    name: 'glob-of-copy',
    files: { 'one.txt': '1', 'two.md': '2' },
    steps: ['COPY *.txt /q/', 'RUN ls /q'],
    prints: 'one.txt\n',
    edits: [
      { put: { 'three.md': '', 'one.txt': 'unread' }, reruns: null },
      { put: { 'three.txt': '' }, reruns: 'RUN', prints: 'one.txt\nthree.txt\n' },
      { put: { 'one.txt': null }, reruns: 'RUN', prints: 'three.txt\n' },
    ],
  },
  {
    rows: ['H12'],
    name: 'glob-of-copy-unlisted',
    files: { 'one.txt': '1' },
    steps: ['COPY *.txt /q/', 'RUN cat /q/one.txt'],
    prints: '1',
    edits: [
      { put: { 'three.txt': '' }, reruns: null },
      { put: { 'one.txt': 'new' }, reruns: 'RUN', because: '{}/one.txt changed', prints: 'new' },
    ],
  },
  {
    rows: ['H13'],
    name: 'unsorted-order',
    files: { 'd/m': '', 'd/z': '' },
    steps: ['RUN ls -U /w/d | head -1; stat -c %i /w/d/m > /tmp/inode; test -s /tmp/inode'],
    prints: 'm\n',
    edits: [
      { put: { elsewhere: 'x' }, reruns: null },
      { put: { 'd/a': '' }, reruns: 'RUN', because: '{}/d/ (listing) changed', prints: 'a\n' },
    ],
  },
  {
    rows: ['H11', 'H17'],
    name: 'destination-in-a-loop',
    files: { one: { link: 'two' }, two: { link: 'three' }, x: 'x' },
    steps: ['COPY . /w', 'COPY x /w/one', 'RUN cat /w/three'],
    prints: 'x',
    edits: [
      { put: { other: '' }, reruns: null },
      {
        put: { two: { link: 'one' } },
        reruns: 'COPY x /w/one',
        because: '{}/two points elsewhere',
        ends: 'failed',
      },
    ],
  },
  {
    rows: ['H12'],
    name: 'source-of-copy-gone',
    files: { 'seed.sql': 'seed', a: 'a' },
    steps: ['COPY seed.sql /q/seed.sql', 'RUN echo no look'],
    prints: 'no look\n',
    edits: [
      { put: { 'seed.sql': 'other' }, reruns: null },
      { put: { 'seed.sql': { link: 'a' } }, reruns: null },
    ],
  },
  {
    rows: ['H54'],
    name: 'source-known-to-the-machine-only',
    files: { 'seed.sql': 'seed', a: 'a' },
    steps: ['ENV SOURCE=$(echo seed.sql)', 'COPY $SOURCE /q/seed', 'RUN echo no look'],
    prints: 'no look\n',
    edits: [
      { put: { 'seed.sql': 'other' }, reruns: null },
      { put: { 'seed.sql': null }, reruns: 'COPY', because: '{}/seed.sql is gone', ends: 'failed' },
    ],
  },
];
