import { linter, maker } from '../../oracle/steps.ts';
import type { Scenario } from '../scenario.ts';

/** Knows the names in directories for as long as these are no newer than what it knows, and shows the same time to the second. */
export const indexer = (index: string, ...directories: readonly string[]): string =>
  `mkdir -p ${index}; for d in ${directories.join(' ')}; do k=${index}/of-$(basename $d); ` +
  `if [ ! -e $k ] || [ "$(stat -c %Y $d)" != "$(cat $k.time)" ] || [ $d -nt $k ]; then ls $d > $k; stat -c %Y $d > $k.time; fi; ` +
  `echo $(cat $k); done`;

/** What the instructions themselves promise. */
export const language: readonly Scenario[] = [
  {
    rows: ['H30'],
    name: 'variable-without-build-env',
    files: { f: 'one\n' },
    steps: ['RUN echo "$GIT_COMMIT" | wc -l; cat /w/f'],
    prints: '1\none\n',
    edits: [
      { put: { other: '' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN', prints: '1\ntwo\n' },
    ],
  },
  {
    rows: ['H30', 'H35'],
    name: 'environment-of-the-step',
    files: { f: 'one\n' },
    steps: ['WORKDIR /w', 'RUN umask; echo "$PWD $HOME $USER ${TZ-unset} ${LANG-unset}"; hostname; cat f'],
    prints: '0022\n/w /root root unset unset\nmachine\none\n',
    edits: [
      { put: { g: '' }, reruns: null },
      {
        put: { f: 'two\n' },
        reruns: 'RUN',
        prints: '0022\n/w /root root unset unset\nmachine\ntwo\n',
      },
      { shell: "sed -i 's/^RUN umask/MEMORY 512M\\n&/' Layerfile", reruns: 'COPY', because: 'MEMORY changed' },
      {
        shell: "sed -i 's/^WORKDIR .*/WORKDIR \\/w\\/..\\/w\\/./; s/^RUN umask/USER somebody\\n&/' Layerfile",
        reruns: 'USER',
      },
    ],
  },
  {
    rows: ['H32', 'H33', 'H40'],
    name: 'time-and-chance',
    files: { a: 'one\n', b: 'one\n' },
    steps: [
      'RUN cp /w/a /tmp/a; cat /proc/sys/kernel/random/uuid > /tmp/x',
      'RUN cat /tmp/x > /tmp/y',
      'RUN cat /w/b /tmp/a; cmp /tmp/x /tmp/y && echo of one instance',
    ],
    prints: 'one\none\nof one instance\n',
    edits: [
      { put: { other: '' }, reruns: null },
      { put: { b: 'two\n' }, reruns: 'RUN cat /w/b', prints: 'two\none\nof one instance\n' },
      { put: { a: 'second\n' }, reruns: 'RUN cp /w/a', prints: 'two\nsecond\nof one instance\n' },
      { put: { a: 'one\n' }, reruns: null },
      { put: { b: 'three\n' }, reruns: 'RUN cat /w/b', prints: 'three\none\nof one instance\n' },
    ],
  },
  {
    rows: ['H37'],
    name: 'setup-file',
    files: { 'setup.sh': 'X=one\n', other: '' },
    steps: ['COPY . /w', 'SETUP FILE /w/setup.sh', 'RUN echo $X'],
    prints: 'one\n',
    edits: [
      { put: { other: 'x' }, reruns: null },
      { put: { 'setup.sh': 'X=two\n' }, reruns: 'RUN', because: '{}/setup.sh changed', prints: 'two\n' },
    ],
  },
  {
    rows: ['H37'],
    name: 'parent-edited',
    files: { 'base/Layerfile': 'FROM vm/debian:12\nRUN echo one > /made\n', other: '' },
    steps: ['FROM ./base', 'COPY other /other', 'RUN cat /made'],
    prints: 'one\n',
    edits: [
      {
        shell: `sed -i '1i # a comment' base/Layerfile; echo 'LABEL display_name=another' >> base/Layerfile`,
        reruns: null,
      },
      { shell: "sed -i 's/one/two/' base/Layerfile", reruns: 'COPY', prints: 'two\n' },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-and-a-tool-that-stats',
    files: { a: '1\n', b: '2\n' },
    steps: [
      'RUN mkdir /out # 1',
      'COPY . /w',
      'CACHE /linted',
      `RUN ${linter('/linted')}`,
      'RUN cut -d" " -f1,2 /out/lint | grep -v Layerfile',
    ],
    prints: '/w/a b026324c6904b2a9cb4b88d6d61c81d1\n/w/b 26ab0db90d72e28ad0ba1e22ee510510\n',
    edits: [
      { put: { 'not/seen/by/it': '' }, reruns: 'RUN mkdir -p', because: /listing/ },
      {
        put: { a: '3\n' },
        reruns: 'RUN mkdir -p',
        because: '{}/a changed',
        prints: '/w/a 6d7fce9fee471194aa8b5b6e47267f03\n/w/b 26ab0db90d72e28ad0ba1e22ee510510\n',
      },
      { shell: 'touch a b', reruns: null },
      {
        put: { a: '1\n', b: '4\n' },
        reruns: 'RUN mkdir -p',
        prints: '/w/a b026324c6904b2a9cb4b88d6d61c81d1\n/w/b 48a24b70a0b376535542b996af517398\n',
      },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-shared-by-two-layerfiles',
    files: {
      'web/a': '1\n',
      'api/a': '2\n',
      'web/Layerfile': `FROM vm/debian:12\nRUN mkdir /out # 4\nCOPY a /w/\nCACHE /shared\nRUN ${linter('/shared')}\n`,
    },
    // The other one is done first: its file has the same size, the same path in the machine, and is as new.
    steps: [
      'WAIT web',
      'RUN mkdir /out # 5',
      'COPY api/a /w/',
      'CACHE /shared',
      `RUN ${linter('/shared')}`,
      'RUN cut -d" " -f1,2 /out/lint',
    ],
    prints: '/w/a 26ab0db90d72e28ad0ba1e22ee510510\n',
    edits: [
      { put: { other: '' }, reruns: null },
      {
        put: { 'web/a': '3\n', 'api/a': '4\n' },
        reruns: 'RUN mkdir -p',
        because: '{}/api/a changed',
        prints: '/w/a 48a24b70a0b376535542b996af517398\n',
      },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-and-a-new-file',
    files: { a: '1\n', 'd/b': '2\n' },
    steps: [
      'COPY . /w',
      'WORKDIR /w',
      'CACHE /kept',
      'RUN cat a',
      'CHECKPOINT',
      'RUN cp a d/made',
      'RUN test -d d && cat d/b',
    ],
    prints: '2\n',
    edits: [
      { put: { new: '', 'd/new': '', 'other/new': '' }, reruns: null },
      { put: { a: '3\n', newer: '' }, reruns: 'RUN cat a', because: '{}/a changed' },
      { put: { newest: '', 'd/newest': '' }, reruns: null },
      { put: { 'd/made': 'own' }, reruns: 'RUN cp', because: '{}/d/made appeared' },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-and-a-tool-that-trusts-times-of-directories',
    files: { a: '1\n', 'd/b': '', 'e/f/c': '' },
    steps: [
      'COPY . /w',
      'RUN echo > /w/e/f/made',
      'CACHE /index',
      'CHECKPOINT',
      `RUN cat /w/a; ${indexer('/index', '/w/d', '/w/e/f')}`,
    ],
    prints: '1\nb\nc made\n',
    edits: [
      { put: { 'd/new': '' }, reruns: 'RUN cat', because: /listing/, prints: '1\nb new\nc made\n' },
      { put: { a: '2\n' }, reruns: 'RUN cat', because: '{}/a changed', prints: '2\nb new\nc made\n' },
      { put: { 'e/f/new': '' }, reruns: 'RUN cat', because: /listing/, prints: '2\nb new\nc made new\n' },
      { put: { 'd/new': null }, reruns: 'RUN cat', because: /listing/, prints: '2\nb\nc made new\n' },
      { put: { 'e/new': '' }, reruns: null },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-below-what-was-looked-at',
    files: { a: '1\n', 'd/b': '' },
    // It shows a later time than the machine began with by then, which CACHE is not to set back. The tool has written after that.
    steps: [
      'COPY . /w',
      `RUN sleep 2; ${indexer('/early', '/w/d')}`,
      'RUN echo > /w/d/made',
      'CACHE /early',
      `RUN cat /w/a; ${indexer('/early', '/w/d')}`,
    ],
    prints: '1\nb made\n',
    edits: [
      { put: { new: '' }, reruns: null },
      { put: { 'd/new': '' }, reruns: 'RUN sleep', because: /listing/, prints: '1\nb made new\n' },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-in-a-directory-of-the-repository',
    files: { a: '1\n', 'd/e/b': '' },
    steps: ['COPY . /w', 'CACHE /w/d', 'CHECKPOINT', `RUN cat /w/a; ${indexer('/w/d', '/w/d/e')}`],
    prints: '1\nb\n',
    edits: [
      { put: { 'd/e/new': '' }, reruns: 'RUN cat', because: /listing/, prints: '1\nb new\n' },
      { put: { a: '2\n' }, reruns: 'RUN cat', because: '{}/a changed', prints: '2\nb new\n' },
      { put: { 'd/e/newer': '' }, reruns: 'RUN cat', because: /listing/, prints: '2\nb new newer\n' },
      { put: { new: '' }, reruns: null },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-below-what-was-a-file-and-a-link',
    files: { a: '1\n', 'd/f': '', 'e/b': '' },
    steps: [
      'COPY . /w',
      'RUN rm -r /w/d; echo > /w/d',
      'RUN rm /w/d; ln -s /etc /w/d',
      'RUN rm /w/d',
      'COPY e /w/d/apt',
      'CACHE /index',
      `RUN cat /w/a; ${indexer('/index', '/w/d/apt')}`,
    ],
    prints: '1\nb\n',
    edits: [
      { put: { 'e/new': '' }, reruns: 'RUN cat', because: /listing/, prints: '1\nb new\n' },
      { put: { a: '2\n' }, reruns: 'RUN cat', because: '{}/a changed', prints: '2\nb new\n' },
      { put: { new: '' }, reruns: null },
    ],
  },
  {
    rows: ['H38', 'H52'],
    name: 'cache-saved-while-it-waited',
    files: {
      'd/b': '',
      a: '1\n',
      'first/Layerfile': `FROM vm/debian:12\nCOPY .. /w\nCACHE /waited\nRUN ${indexer('/waited', '/w/d')}\n`,
    },
    steps: [
      'COPY d /w/d',
      'COPY a /w/',
      'RUN stat -c %Y /w/d > /dev/null',
      'WAIT first',
      'CACHE /waited',
      'CHECKPOINT',
      `RUN cat /w/a /waited/of-d; ${indexer('/waited', '/w/d')}`,
    ],
    prints: '1\nb\nb\n',
    edits: [
      { put: { 'd/new': '' }, reruns: 'RUN cat', because: /listing/, prints: '1\nb\nnew\nb new\n' },
      { put: { a: '2\n' }, reruns: 'RUN cat', because: '{}/a changed', prints: '2\nb\nnew\nb new\n' },
      {
        put: { 'd/new': null, 'd/newer': '' },
        reruns: 'RUN cat',
        because: /listing/,
        prints: '2\nb\nnewer\nb newer\n',
      },
    ],
  },
  {
    rows: ['H52'],
    name: 'repeatable-and-a-tool-that-trusts-times-of-directories',
    files: { a: '1\n', 'd/b': '' },
    steps: [
      'COPY . /w',
      `RUN REPEATABLE cat /w/a; mkdir -p /made; echo > /w/d/made; ${indexer('/made', '/w/d')}; touch -d @1000000000 /w/d`,
    ],
    prints: '1\nb made\n',
    edits: [
      { put: { new: '' }, reruns: null },
      { put: { 'd/new': '' }, reruns: 'RUN REPEATABLE', because: /listing/, prints: '1\nb made new\n' },
      { put: { a: '2\n' }, reruns: 'RUN REPEATABLE', because: '{}/a changed', prints: '2\nb made new\n' },
      { put: { 'd/new': null }, reruns: 'RUN REPEATABLE', because: /listing/, prints: '2\nb made\n' },
    ],
  },
  {
    rows: ['H38', 'H53'],
    name: 'cache-and-make-after-a-revert',
    files: { a: '1\n', b: '2\n' },
    steps: ['RUN mkdir /out # 2', 'COPY . /w', 'CACHE /made', `RUN ${maker('/made')}`, 'RUN cat /out/make'],
    prints: 'a:1\nb:2\n',
    edits: [
      { put: { a: '3\n' }, reruns: 'RUN mkdir -p', prints: 'a:3\nb:2\n' },
      // What was made of the other content is newer than the source was in the first run.
      { put: { a: '1\n', b: '4\n' }, reruns: 'RUN mkdir -p', prints: 'a:1\nb:4\n' },
      { put: { 'c.txt': '' }, reruns: 'RUN mkdir -p' },
    ],
  },
  {
    rows: ['H38', 'H53'],
    name: 'cache-and-make-of-what-another-copy-had-hidden',
    files: { a: '1\n', b: '2\n', 'over/a': '3\n', 'over/c.txt': '4\n' },
    steps: [
      'RUN mkdir /out # 4',
      'COPY . /w',
      'COPY over /w',
      'CACHE /hidden',
      `RUN ${maker('/hidden')}`,
      'RUN cat /out/make',
    ],
    prints: 'a:3\nb:2\nc.txt:4\n',
    edits: [
      // What shows then is as old as the repository.
      { put: { 'over/a': null }, reruns: 'RUN mkdir -p', because: /over\/a|listing/, prints: 'a:1\nb:2\nc.txt:4\n' },
      { put: { 'over/a': '3\n', b: '5\n' }, reruns: 'RUN mkdir -p', prints: 'a:3\nb:5\nc.txt:4\n' },
      { put: { 'over/new': '' }, reruns: null },
    ],
  },
  {
    rows: ['H53', 'H38'],
    name: 'repeatable-after-a-revert',
    files: { a: '1\n', b: '2\n' },
    steps: ['RUN mkdir /out # 3', 'COPY . /w', `RUN REPEATABLE ${maker('/objects')}`, 'RUN cat /out/make'],
    prints: 'a:1\nb:2\n',
    edits: [
      { put: { a: '3\n' }, reruns: 'RUN REPEATABLE', because: '{}/a changed', prints: 'a:3\nb:2\n' },
      { put: { a: '1\n', b: '4\n' }, reruns: 'RUN REPEATABLE', prints: 'a:1\nb:4\n' },
      { shell: 'touch a', reruns: null },
    ],
  },
  {
    rows: ['H48'],
    name: 'comments-and-blanks',
    files: { f: '' },
    steps: ['# one', 'RUN echo "#x" # two'],
    prints: '#x\n',
    edits: [
      { shell: "sed -i 's/^# one/   # another/; s/^RUN echo/RUN    echo/; 1i # first' Layerfile", reruns: null },
      { shell: `sed -i 's/"#x"/"#y"/' Layerfile`, reruns: 'RUN', because: 'the instruction changed', prints: '#y\n' },
    ],
  },
  {
    rows: ['H49'],
    name: 'process-left-running',
    files: { server: '', client: 'one\n' },
    steps: [
      'RUN (while :; do echo up > /tmp/new; mv /tmp/new /tmp/up; sleep 0.1; done) > /dev/null 2>&1 & sleep 0.3',
      'RUN rm -f /tmp/up; for i in $(seq 300); do [ -e /tmp/up ] && break; sleep 0.1; done; cat /tmp/up /w/client',
    ],
    prints: 'up\none\n',
    edits: [
      { put: { other: '' }, reruns: null },
      {
        put: { client: 'two\n' },
        reruns: 'RUN (while',
        because: /nothing was kept after it: .*RUN BACKGROUND/,
        prints: 'up\ntwo\n',
        withMemory: {
          since: 'a process that a step has left lives on in what is kept',
          expect: { reruns: 'RUN rm', because: '{}/client changed', prints: 'up\ntwo\n' },
        },
      },
    ],
  },
];
