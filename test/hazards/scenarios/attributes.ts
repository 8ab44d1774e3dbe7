import type { Scenario } from '../scenario.ts';

/** What a stat tells, and links. */
export const attributes: readonly Scenario[] = [
  {
    rows: ['H14'],
    name: 'executable-test',
    files: { tool: 'x' },
    steps: ['RUN test -x /w/tool && echo yes || echo no'],
    prints: 'no\n',
    edits: [
      { put: { tool: 'y' }, reruns: null },
      { shell: 'chmod +x tool', reruns: 'RUN', because: '{}/tool changed its kind or mode', prints: 'yes\n' },
    ],
  },
  {
    rows: ['H14'],
    name: 'size-only',
    files: { big: '12345', empty: '' },
    steps: ['RUN find /w/big -size -6c -printf "%s\\n"; test -s /w/empty || echo empty'],
    prints: '5\nempty\n',
    edits: [
      { put: { big: 'abcde' }, reruns: null },
      { put: { big: 'abc' }, reruns: 'RUN', because: '{}/big changed', prints: '3\nempty\n' },
      { put: { empty: 'x' }, reruns: 'RUN', because: '{}/empty changed', prints: '3\n' },
    ],
  },
  {
    rows: ['H14'],
    name: 'existence-only',
    files: { f: '12345' },
    steps: ['RUN test -e /w/f && echo there || echo gone'],
    prints: 'there\n',
    edits: [
      { put: { f: 'abcde' }, reruns: null },
      { put: { f: null }, reruns: 'RUN', because: '{}/f is gone', prints: 'gone\n' },
    ],
  },
  {
    rows: ['H14'],
    name: 'empty-file-read',
    files: { f: '' },
    steps: ['RUN cat /w/f; echo end'],
    prints: 'end\n',
    edits: [
      { shell: 'touch f', reruns: null },
      { put: { f: 'now\n' }, reruns: 'RUN', because: '{}/f changed', prints: 'now\nend\n' },
    ],
  },
  {
    rows: ['H15'],
    name: 'same-size-same-mtime',
    files: { f: 'one\n' },
    steps: ['RUN cat /w/f'],
    prints: 'one\n',
    edits: [
      { shell: 'touch -d @1000000000 f', reruns: null },
      { shell: 'printf "two\\n" > f; touch -d @1000000000 f', reruns: 'RUN', because: '{}/f changed', prints: 'two\n' },
      {
        shell: 'printf "six\\n" > g; touch -d @1000000000 g; mv g f',
        reruns: 'RUN',
        because: '{}/f changed',
        prints: 'six\n',
      },
    ],
  },
  {
    rows: ['H15'],
    name: 'newer-than-its-product',
    files: { source: 'one\n' },
    steps: [
      'RUN mkdir /out; cat /w/source > /out/product',
      'RUN [ /w/source -nt /out/product ] && echo stale || echo fresh',
    ],
    prints: 'fresh\n',
    edits: [
      { shell: 'touch source', reruns: null },
      { put: { source: 'two\n' }, reruns: 'RUN mkdir', prints: 'fresh\n' },
    ],
  },
  {
    rows: ['H16'],
    name: 'times-and-inodes',
    files: { f: 'one\n' },
    steps: ['RUN stat -c "%i %h %d %Z %X" /w/f > /dev/null; stat -c %Y /w/f'],
    prints: '1700000000\n',
    edits: [
      { shell: 'touch f; ln f hard; rm f; mv hard f', reruns: null },
      { shell: 'cp f g; mv g f; chmod 600 f', reruns: null },
      { shell: 'echo longer > f', reruns: 'RUN', because: '{}/f changed', prints: '1700000000\n' },
    ],
  },
  {
    rows: ['H17'],
    name: 'link-retargeted',
    files: { 'v1/f': 'one\n', 'v2/f': 'two\n', current: { link: 'v1' } },
    steps: ['RUN cat /w/current/f'],
    prints: 'one\n',
    edits: [
      { put: { 'v2/f': 'second\n' }, reruns: null },
      { put: { current: { link: 'v2' } }, reruns: 'RUN', because: '{}/current points elsewhere', prints: 'second\n' },
      { put: { 'v1/f': 'unread\n' }, reruns: null },
      { put: { 'v2/f': 'third\n' }, reruns: 'RUN', because: '{}/v2/f changed', prints: 'third\n' },
    ],
  },
  {
    rows: ['H17'],
    name: 'dangling-becomes-valid',
    files: { link: { link: 'later' } },
    steps: ['RUN cat /w/link 2>/dev/null || echo dangling'],
    prints: 'dangling\n',
    edits: [
      { put: { other: '' }, reruns: null },
      { put: { later: 'valid\n' }, reruns: 'RUN', because: '{}/later appeared', prints: 'valid\n' },
    ],
  },
  {
    rows: ['H17'],
    name: 'link-only-stated',
    files: { link: { link: 'one' }, one: '' },
    steps: ['RUN test -L /w/link && echo link || echo none; stat -c %s /w/link'],
    prints: 'link\n3\n',
    edits: [
      { put: { one: 'content' }, reruns: null },
      { put: { link: { link: 'three' } }, reruns: 'RUN', because: '{}/link changed', prints: 'link\n5\n' },
      { put: { link: 'a file' }, reruns: 'RUN', prints: 'none\n6\n' },
    ],
  },
  {
    rows: ['H17'],
    name: 'link-becomes-directory',
    files: { 'v1/f': 'one\n', current: { link: 'v1' }, unread: '' },
    steps: ['RUN cat /w/current/f'],
    prints: 'one\n',
    edits: [
      { put: { unread: 'x' }, reruns: null },
      { put: { current: null, 'current/f': 'own\n' }, reruns: 'RUN', because: /current/, prints: 'own\n' },
    ],
  },
  {
    rows: ['H51', 'H17'],
    name: 'destination-through-a-link-of-the-base',
    files: { tool: { executable: '#!/bin/sh\necho tool one\n' }, other: '' },
    steps: ['COPY tool /bin/', 'RUN /usr/bin/tool && ls /bin/ls'],
    prints: 'tool one\n/bin/ls\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      {
        put: { tool: { executable: '#!/bin/sh\necho tool two\n' } },
        reruns: 'RUN',
        because: '{}/tool changed',
        prints: 'tool two\n/bin/ls\n',
      },
    ],
  },
  {
    rows: ['H51', 'H17'],
    name: 'destination-through-a-link-of-the-repository',
    files: { 'v1/f': '', 'v2/f': '', current: { link: 'v1' }, x: 'x\n' },
    steps: ['COPY . /w', 'COPY x /w/current/x', 'RUN cd /w && find v1 v2 -name x'],
    prints: 'v1/x\n',
    edits: [
      { put: { 'v1/f': 'unread' }, reruns: null },
      { put: { current: { link: 'v2' } }, reruns: 'COPY x', because: '{}/current points elsewhere', prints: 'v2/x\n' },
    ],
  },
];
