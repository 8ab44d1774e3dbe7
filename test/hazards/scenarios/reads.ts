import { compileReader } from '../readers/build.ts';
import { livesOn, ownMount, type Scenario, type WithMemory } from '../scenario.ts';

function python(...lines: readonly string[]): string {
  return `RUN python3 -c '${lines.join('; ')}'`;
}

/** A file is read in some way; editing it must rerun, editing its neighbour must not. */
function reader(
  name: string,
  {
    rows,
    steps,
    more = {},
    withMemory,
  }: Pick<Scenario, 'rows' | 'steps'> & {
    readonly more?: Scenario['files'];
    readonly withMemory?: WithMemory<Scenario['steps']>;
  },
): Scenario {
  const edits: Scenario['edits'] = [
    { put: { neighbour: '2', 'another/new': '' }, reruns: null },
    { put: { input: 'two\n' }, reruns: 'RUN', because: '{}/input changed', prints: 'two\n' },
    { put: { neighbour: '3' }, reruns: null },
    { shell: 'touch input', reruns: null },
  ];
  const prints = 'one\n';
  return {
    rows,
    name,
    steps,
    files: { input: 'one\n', neighbour: '1', ...more },
    prints,
    edits,
    ...(withMemory && { withMemory: { since: withMemory.since, expect: { steps: withMemory.expect, prints, edits } } }),
  };
}

/** The ways to read a file's content. */
export const reads: readonly Scenario[] = [
  reader('static-program', {
    rows: ['H01'],
    steps: ['RUN /w/read /w/input'],
    more: { read: { executable: compileReader('raw') } },
  }),
  reader('raw-system-calls', {
    rows: ['H01'],
    steps: [
      `RUN perl -e '$p = "/w/input"; $b = "\\0" x 99; $f = syscall(2, $p, 0, 0); $n = syscall(0, $f, $b, 99); print substr($b, 0, $n)'`,
    ],
  }),
  reader('io-uring', {
    rows: ['H02'],
    steps: ['RUN /w/read /w/input'],
    more: { read: { executable: compileReader('ring') } },
  }),
  reader('mmap', {
    rows: ['H05'],
    steps: [
      python(
        'import mmap',
        'f = open("/w/input")',
        'print(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[:].decode(), end="")',
      ),
    ],
  }),
  reader('sendfile', {
    rows: ['H05'],
    steps: [
      python(
        'import os',
        'f = os.open("/w/input", 0)',
        'g = os.open("/tmp/g", os.O_RDWR | os.O_CREAT)',
        'os.sendfile(g, f, 0, 99)',
        'print(open("/tmp/g").read(), end="")',
      ),
    ],
  }),
  reader('copy-file-range', {
    rows: ['H05'],
    steps: [
      python(
        'import os',
        // Opened to be written, it lies where the other one does: the kernel copies ranges within one file system only.
        'f = os.open("/w/input", os.O_RDWR)',
        'g = os.open("/tmp/g", os.O_RDWR | os.O_CREAT)',
        'n = os.copy_file_range(f, g, 99)',
        'print(open("/tmp/g").read(), end="")',
      ),
    ],
    withMemory: {
      since: ownMount,
      expect: [
        python(
          'import os, shutil',
          'f = os.open("/w/input", os.O_RDWR)',
          'g = os.open("/tmp/g", os.O_RDWR | os.O_CREAT)',
          'exec("try: os.copy_file_range(f, g, 99)\\nexcept OSError as e: assert e.errno == 18\\nelse: assert False")',
          'h = os.open("/w/h", os.O_RDWR | os.O_CREAT)',
          'n = os.copy_file_range(f, h, 99)',
          'print(open("/w/h").read(), end="")',
        ),
      ],
    },
  }),
  reader('splice', {
    rows: ['H05'],
    steps: [
      python(
        'import os',
        'r, w = os.pipe()',
        'f = os.open("/w/input", 0)',
        'n = os.splice(f, w, 99)',
        'print(os.read(r, n).decode(), end="")',
      ),
    ],
  }),
  reader('reflink-or-copy', {
    rows: ['H05'],
    steps: ['RUN cp --reflink=auto /w/input /tmp/copy; rm -f /w/input; cat /tmp/copy'],
  }),
  reader('archive', { rows: ['H05'], steps: ['RUN tar -C /w -cf - input | tar -xOf -'] }),
  {
    rows: ['H05'],
    name: 'executed-script',
    files: { 'tool.sh': { executable: '#!/w/interpreter\n' }, interpreter: { link: '/bin/echo' }, other: 'x' },
    steps: ['RUN /w/tool.sh'],
    prints: '/w/tool.sh\n',
    edits: [
      { put: { other: 'y' }, reruns: null },
      {
        put: { interpreter: { link: '/bin/cat' } },
        reruns: 'RUN',
        because: '{}/interpreter points elsewhere',
        prints: '#!/w/interpreter\n',
      },
      {
        put: { 'tool.sh': { executable: '#!/w/interpreter\n\n' } },
        reruns: 'RUN',
        because: '{}/tool.sh changed',
        prints: '#!/w/interpreter\n\n',
      },
    ],
  },
  {
    rows: ['H04'],
    name: 'read-by-two-steps',
    files: { f: 'one\n', g: 'g\n' },
    steps: ['RUN cat /w/f > /tmp/first', 'RUN cat /w/g > /dev/null; cat /tmp/first /w/f'],
    prints: 'one\none\n',
    edits: [
      { put: { g: 'h\n' }, reruns: 'RUN cat /w/g', because: '{}/g changed', prints: 'one\none\n' },
      { put: { f: 'two\n' }, reruns: 'RUN cat /w/f', because: '{}/f changed', prints: 'two\ntwo\n' },
      { put: { other: '' }, reruns: null },
    ],
  },
  {
    rows: ['H04'],
    name: 'first-step-reads-no-more',
    files: { f: 'one\n' },
    steps: ['RUN cat /w/f > /dev/null # here', 'RUN cat /w/f'],
    prints: 'one\n',
    edits: [
      { shell: "sed -i 's/^RUN .*here/RUN true/' Layerfile", reruns: 'RUN true', prints: 'one\n' },
      { put: { f: 'two\n' }, reruns: 'RUN cat /w/f', because: '{}/f changed', prints: 'two\n' },
    ],
  },
  {
    rows: ['H08'],
    name: 'reads-everything',
    files: { 'src/a': 'needle\n', 'docs/b': 'hay\n' },
    steps: ['RUN grep -rl needle /w --exclude-dir=docs --exclude=Layerfile | sort'],
    prints: '/w/src/a\n',
    edits: [
      { put: { 'docs/b': 'needle\n' }, reruns: null },
      {
        put: { 'src/c': 'needle\n' },
        reruns: 'RUN',
        because: '{}/src/ (listing) changed',
        prints: '/w/src/a\n/w/src/c\n',
      },
      { put: { 'docs/new': 'needle\n' }, reruns: null },
      { put: { 'src/a': 'hay\n' }, reruns: 'RUN', because: '{}/src/a changed', prints: '/w/src/c\n' },
    ],
  },
  {
    rows: ['H06', 'H07'],
    name: 'background-reads-later',
    files: { page: 'one\n', unread: '' },
    steps: [
      'RUN BACKGROUND while :; do [ -e /tmp/ask ] && cat /w/page > /tmp/part && mv /tmp/part /tmp/answer && rm /tmp/ask; sleep 0.05; done',
      'RUN touch /tmp/ask; until [ -e /tmp/answer ]; do sleep 0.05; done; cat /tmp/answer',
    ],
    prints: 'one\n',
    edits: [
      { put: { unread: 'x' }, reruns: null },
      {
        put: { page: 'two\n' },
        reruns: 'RUN BACKGROUND',
        because: 'no snapshot was kept after it',
        prints: 'two\n',
        withMemory: {
          since: livesOn,
          expect: { reruns: 'RUN touch', because: '{}/page changed', prints: 'two\n' },
        },
      },
    ],
  },
  {
    rows: ['H06'],
    name: 'descriptor-carried-along',
    files: { page: 'one\n', unread: '' },
    steps: [
      'RUN BACKGROUND exec 7< /w/page; until [ -e /tmp/ask ]; do sleep 0.05; done; cat <&7 > /tmp/part; mv /tmp/part /tmp/answer; sleep 1000',
      'RUN touch /tmp/ask; until [ -e /tmp/answer ]; do sleep 0.05; done; cat /tmp/answer',
    ],
    prints: 'one\n',
    edits: [
      { put: { unread: 'x' }, reruns: null },
      {
        put: { page: 'two\n' },
        reruns: 'RUN BACKGROUND',
        because: 'no snapshot was kept after it',
        prints: 'two\n',
        withMemory: {
          since: livesOn,
          expect: { reruns: 'RUN touch', because: '{}/page changed', prints: 'two\n' },
        },
      },
    ],
  },
  {
    rows: ['H41'],
    name: 'two-processes-race',
    files: { f: 'one\n', other: '' },
    steps: ['RUN cat /w/f > /tmp/seen & echo written >> /w/f & wait; head -1 /w/f'],
    prints: 'one\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN', because: '{}/f changed', prints: 'two\n' },
    ],
  },
];
