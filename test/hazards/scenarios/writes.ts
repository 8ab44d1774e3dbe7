import type { Scenario } from '../scenario.ts';

/** Steps that change what was copied, and what a later commit does to the same paths. */
export const writes: readonly Scenario[] = [
  {
    rows: ['H18'],
    name: 'atomic-publish',
    files: { src: 'one\n', other: '' },
    steps: ['RUN cp /w/src /w/dist.tmp && mv /w/dist.tmp /w/dist', 'RUN cat /w/dist'],
    prints: 'one\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { src: 'two\n' }, reruns: 'RUN cp', because: '{}/src changed', prints: 'two\n' },
      { put: { dist: 'committed by mistake\n' }, reruns: 'RUN cp', because: '{}/dist appeared', prints: 'two\n' },
    ],
  },
  {
    rows: ['H18'],
    name: 'renamed-source',
    files: { f: 'one\n', other: '' },
    steps: ['RUN mv /w/f /w/g', 'RUN cat /w/g; test -e /w/f || echo moved'],
    prints: 'one\nmoved\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN mv', because: '{}/f changed', prints: 'two\nmoved\n' },
      { put: { g: 'own\n' }, reruns: 'RUN mv', because: '{}/g appeared', prints: 'two\nmoved\n' },
    ],
  },
  {
    rows: ['H18'],
    name: 'moved-to-another-place',
    files: { f: 'one\n', 'd/e': 'e\n', g: 'g\n', other: '' },
    steps: [
      'RUN mv /w/f /tmp/f; mv /w/d /srv/d; cp -a --reflink=auto /w/g /var/g; install /w/g /opt/g; python3 -c "import shutil; shutil.move(\\"/w/g\\", \\"/mnt/g\\")"',
      'RUN cat /tmp/f /srv/d/e /var/g /opt/g /mnt/g; for p in f d g; do test -e /w/$p || echo no $p; done',
    ],
    prints: 'one\ne\ng\ng\ng\nno f\nno d\nno g\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      {
        put: { 'd/e': 'f\n' },
        reruns: 'RUN mv',
        because: '{}/d/e changed',
        prints: 'one\nf\ng\ng\ng\nno f\nno d\nno g\n',
      },
    ],
  },
  {
    rows: ['H20'],
    name: 'destination-taken-away',
    files: { 'd/f': 'one\n', other: '' },
    steps: ['COPY d /q', 'RUN rm -r /q && mkdir /q && echo made > /q/g', 'RUN ls /q'],
    prints: 'g\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { 'd/new': '' }, reruns: 'RUN rm', because: '{}/d/ (listing) changed', prints: 'g\n' },
    ],
    withMemory: {
      since: 'a COPY is a mount of its own: what is in it can be taken away, not itself',
      expect: {
        steps: [
          'COPY d /q',
          'RUN rm -r /q 2> /tmp/why || grep -o "resource busy" /tmp/why; echo made > /q/g',
          'RUN ls /q',
        ],
        prints: 'g\n',
        edits: [
          { put: { other: 'x' }, reruns: null },
          { put: { 'd/new': '' }, reruns: 'RUN rm', because: '{}/d/ (listing) changed', prints: 'g\n' },
        ],
      },
    },
  },
  {
    rows: ['H19'],
    name: 'written-before-read',
    files: { generated: 'old\n', input: '1' },
    steps: ['RUN echo made > /w/generated; cat /w/generated', 'RUN cat /w/generated'],
    prints: 'made\n',
    edits: [
      { put: { generated: 'new\n' }, reruns: null },
      {
        shell: 'chmod +x generated',
        reruns: 'RUN echo',
        because: '{}/generated changed its kind or mode',
        prints: 'made\n',
      },
      { put: { generated: null }, reruns: 'RUN echo', because: '{}/generated is gone', prints: 'made\n' },
    ],
  },
  {
    rows: ['H19'],
    name: 'deleted-then-tested',
    files: { f: 'x', other: '' },
    steps: ['RUN rm -f /w/f', 'RUN test -e /w/f && echo there || echo gone'],
    prints: 'gone\n',
    edits: [
      { put: { f: 'y' }, reruns: null },
      { put: { f: null }, reruns: 'RUN rm', because: '{}/f is gone', prints: 'gone\n' },
      { put: { other: 'x' }, reruns: null },
    ],
  },
  {
    rows: ['H20'],
    name: 'append',
    files: { f: 'one\n', other: '' },
    steps: ['RUN echo more >> /w/f', 'RUN cat /w/f'],
    prints: 'one\nmore\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN echo', because: '{}/f changed', prints: 'two\nmore\n' },
    ],
  },
  {
    rows: ['H20'],
    name: 'mode-changed-by-the-step',
    files: { f: 'one\n', other: '' },
    steps: ['RUN chmod 400 /w/f', 'RUN stat -c %a /w/f'],
    prints: '400\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN chmod', because: '{}/f changed', prints: '400\n' },
    ],
  },
  {
    rows: ['H20'],
    name: 'owner-and-times-changed-by-the-step',
    files: { f: 'one\n', g: 'one\n', h: 'one\n', other: '' },
    steps: [
      'RUN chown 7:8 /w/f; touch -d @5 /w/g; ln /w/h /w/i',
      'RUN cd /w; cat f g h i | tr -d "\\n"; stat -c %u:%g f',
    ],
    prints: 'oneoneoneone7:8\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN chown', because: '{}/f changed', prints: 'twooneoneone7:8\n' },
      { put: { g: 'two\n' }, reruns: 'RUN chown', because: '{}/g changed', prints: 'twotwooneone7:8\n' },
      { put: { h: 'two\n' }, reruns: 'RUN chown', because: '{}/h changed', prints: 'twotwotwotwo7:8\n' },
    ],
  },
  {
    rows: ['H20'],
    name: 'formatter',
    files: { 'a.js': 'a  =  1\n', 'b.md': 'text\n' },
    steps: [`RUN sed -i 's/  */ /g' /w/*.js`, 'RUN cat /w/a.js'],
    prints: 'a = 1\n',
    edits: [
      { put: { 'b.md': 'other\n' }, reruns: null },
      { put: { 'a.js': 'a  =  2\n' }, reruns: 'RUN sed', because: '{}/a.js changed', prints: 'a = 2\n' },
      { put: { 'c.js': '' }, reruns: 'RUN sed', because: '{}/ (listing) changed', prints: 'a = 2\n' },
    ],
  },
  {
    rows: ['H20', 'H12'],
    name: 'directory-removed-by-the-step',
    files: { 'd/one': '1', 'd/two': '2', other: '' },
    steps: ['RUN rm -r /w/d', 'RUN mkdir /w/d; ls /w/d; echo end'],
    prints: 'end\n',
    edits: [
      { put: { 'd/one': 'u' }, reruns: null },
      { put: { 'd/three': '' }, reruns: 'RUN rm', because: '{}/d/ (listing) changed', prints: 'end\n' },
    ],
  },
  {
    rows: ['H20'],
    name: 'written-by-a-step-copied-again',
    files: { 'one/f': 'one\n', 'two/g': 'g\n', other: '' },
    steps: ['COPY one /q', 'RUN echo edited > /q/f', 'COPY two /q', 'RUN cat /q/f'],
    prints: 'edited\n',
    edits: [
      { put: { 'two/g': 'h\n', 'one/f': 'six\n' }, reruns: null },
      { put: { 'two/f': 'over it\n' }, reruns: 'RUN cat', because: '{}/two/f appeared', prints: 'over it\n' },
      { put: { 'two/f': null }, reruns: null },
    ],
  },
  {
    rows: ['H21'],
    name: 'tree-after-a-swap',
    files: {
      read: 'r\n',
      'keep/unread': 'old\n',
      'gone/deep/file': '',
      kind: 'file\n',
      'dir/inside': '',
      link: { link: 'keep' },
      tool: 'x',
    },
    steps: [
      'RUN cat /w/read',
      'BUILD ENV API_EXTRA',
      'RUN cd /w && find . -path ./Layerfile -prune -o -type f -printf "%p %m " -exec cat {} \\; -o -type l -printf "%p -> %l\\n" -o -printf "%p %m\\n" | sort',
    ],
    edits: [
      {
        shell:
          'echo new > keep/unread; rm -r gone; rm kind; mkdir kind; echo in > kind/in; rm -r dir; echo d > dir; ln -sfn tool link; chmod +x tool; mkdir -p fresh/dir; echo f > fresh/dir/f',
        reruns: 'RUN cd',
        prints: [
          '. 775',
          './dir 664 d',
          './fresh 775',
          './fresh/dir 775',
          './fresh/dir/f 664 f',
          './keep 775',
          './keep/unread 664 new',
          './kind 775',
          './kind/in 664 in',
          './link -> tool',
          './read 664 r',
          './tool 775 x',
          '',
        ].join('\n'),
      },
      { shell: 'touch read keep/unread', reruns: null },
    ],
  },
];
