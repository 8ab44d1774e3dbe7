import type { Edit, Scenario } from '../scenario.ts';

/**
 * A kernel that goes on after a restore answers much from what it holds: names and absences, attributes, listings, targets of links, pages. No request tells of
 * it then. So each kind of fact is played in each way in which it can have come to lie there: seen by a step, by a process in the background, by nobody; and
 * what processes hold that have looked at nothing yet: descriptors, mappings, working directories.
 */

/** What `look` prints, a line for each kind of fact. */
interface Sight {
  readonly content: string;
  readonly listing: string;
  readonly link: string;
  readonly mode: string;
  readonly size: string;
  readonly mapped: string;
  readonly absent: string;
}

type Kind = keyof Sight;

const files: Scenario['files'] = {
  content: 'one\n',
  'listing/a': '',
  link: { link: 'v1' },
  mode: '1',
  size: '12345',
  mapped: 'one\n',
  trigger: '1\n',
  unread: '',
};

/** Looks once at each, each in one way only, from the directory where they are. */
const look =
  'cd /w; cat content; echo listing/*; readlink link; test -x mode && echo yes || echo no; stat -c %s size; ' +
  `perl -e 'open F, "<:mmap", "mapped"; print <F>'; cat absent 2> /dev/null || echo none`;

const atFirst: Sight = {
  content: 'one',
  listing: 'listing/a',
  link: 'v1',
  mode: 'no',
  size: '5',
  mapped: 'one',
  absent: 'none',
};

/** An edit that changes one kind of fact and nothing else: sizes, times and names stay where they are not what is looked at. */
const changes: Readonly<Record<Kind, Pick<Edit, 'put' | 'shell'> & { readonly because: string; readonly to: string }>> =
  {
    content: { put: { content: 'two\n' }, because: '{}/content changed', to: 'two' },
    listing: { put: { 'listing/b': '' }, because: '{}/listing/ (listing) changed', to: 'listing/a listing/b' },
    link: { put: { link: { link: 'v2' } }, because: '{}/link points elsewhere', to: 'v2' },
    mode: { shell: 'chmod +x mode', because: '{}/mode changed its kind or mode', to: 'yes' },
    size: { put: { size: '123456' }, because: '{}/size changed', to: '6' },
    mapped: { put: { mapped: 'two\n' }, because: '{}/mapped changed', to: 'two' },
    absent: { put: { absent: 'here\n' }, because: '{}/absent appeared', to: 'here' },
  };

const allKinds = Object.keys(changes) as readonly Kind[];

/** The lines of a sight. */
function linesOf(sight: Sight, kinds: readonly Kind[] = allKinds): string {
  return kinds.map((kind) => `${sight[kind]}\n`).join('');
}

/** An edit for each kind, one after another; each must rerun the step that was the first to see it. */
function eachKind(
  kinds: readonly Kind[],
  { reruns, prints }: { readonly reruns: string; readonly prints: (sight: Sight) => string },
): readonly Edit[] {
  let sight = atFirst;
  return kinds.map((kind) => {
    const { because, to, ...change } = changes[kind];
    sight = { ...sight, [kind]: to };
    return { ...change, reruns, because, prints: prints(sight) };
  });
}

/** An edit after which the last step alone runs again in a restored machine, and all but `trigger` is known to its kernel. */
const triggered = (trigger: string, sight: Sight = atFirst): Edit => ({
  put: { trigger: `${trigger}\n` },
  reruns: 'RUN cat /w/trigger',
  because: '{}/trigger changed',
  prints: `${trigger}\n${linesOf(sight)}`,
  reads: factsOfTrigger,
});

/** That it is there, how long it is, and what is in it: nothing else of a step that has the rest from its kernel. */
const factsOfTrigger = 3;
const last = `RUN cat /w/trigger; ${look}`;
const unread: Edit = { put: { unread: 'x' }, reruns: null };

export const memory: readonly Scenario[] = [
  {
    rows: ['H04', 'H21'],
    name: 'known-from-a-step',
    files: { ...files, between: '1' },
    steps: [`RUN ${look}`, 'RUN cat /w/between', last],
    prints: `1\n${linesOf(atFirst)}`,
    edits: [
      triggered('2'),
      // A machine of a machine that was restored.
      { put: { between: '2' }, reruns: 'RUN cat /w/between', prints: `2\n${linesOf(atFirst)}` },
      triggered('3'),
      ...eachKind(allKinds, { reruns: 'RUN cd /w', prints: (sight) => `3\n${linesOf(sight)}` }),
      unread,
    ],
  },
  {
    rows: ['H06', 'H07', 'H21'],
    name: 'known-from-a-process-in-the-background',
    files,
    steps: [
      `RUN BACKGROUND until [ -e /tmp/ask ]; do sleep 0.05; done; (${look}) > /tmp/part; mv /tmp/part /tmp/answer; sleep 1000`,
      'RUN touch /tmp/ask; until [ -e /tmp/answer ]; do sleep 0.05; done; cat /tmp/answer',
      last,
    ],
    prints: `1\n${linesOf(atFirst)}`,
    edits: [
      triggered('2'),
      ...eachKind(allKinds, { reruns: 'RUN touch', prints: (sight) => `2\n${linesOf(sight)}` }),
      unread,
    ],
  },
  {
    rows: ['H05', 'H21'],
    name: 'known-to-nobody-but-the-kernel',
    files: {
      ...files,
      big: `${'a'.repeat(60_000)}\n`,
      ahead: 'one\n',
      'many/a': '',
      'many/b': '',
      dangling: { link: 'later' },
    },
    steps: [
      // A page where many come along, pages that are asked for and not taken, names of which some are taken, names without a look at what they name.
      `RUN cd /w; head -c 1 big > /tmp/one; : < size; : < mode; test -e dangling; ` +
        `perl -e 'sysopen F, "ahead", 0; syscall(187, fileno F, 0, 4096); opendir D, "many"; $b = "\\0" x 40; syscall(217, fileno D, $b, 40)'`,
      'RUN cat /w/trigger; cd /w; tail -c 3 big; cat ahead; echo many/*; stat -c %s size; test -x mode && echo yes || echo no; cat later 2> /dev/null || echo none',
    ],
    prints: '1\naa\none\nmany/a many/b\n5\nno\nnone\n',
    edits: [
      {
        put: { trigger: '2\n' },
        reruns: 'RUN cat /w/trigger',
        prints: '2\naa\none\nmany/a many/b\n5\nno\nnone\n',
        reads: factsOfTrigger,
      },
      ...(
        [
          [{ put: { big: `${'a'.repeat(59_999)}b\n` } }, '{}/big changed', '2\nab\none\nmany/a many/b\n5\nno\nnone\n'],
          [{ put: { ahead: 'two\n' } }, '{}/ahead changed', '2\nab\ntwo\nmany/a many/b\n5\nno\nnone\n'],
          [{ put: { 'many/c': '' } }, '{}/many/ (listing) changed', '2\nab\ntwo\nmany/a many/b many/c\n5\nno\nnone\n'],
          [{ put: { size: '123456' } }, '{}/size changed', '2\nab\ntwo\nmany/a many/b many/c\n6\nno\nnone\n'],
          [
            { shell: 'chmod +x mode' },
            '{}/mode changed its kind or mode',
            '2\nab\ntwo\nmany/a many/b many/c\n6\nyes\nnone\n',
          ],
          [{ put: { later: 'here\n' } }, '{}/later appeared', '2\nab\ntwo\nmany/a many/b many/c\n6\nyes\nhere\n'],
        ] as const
      ).map(([change, because, prints]) => ({ ...change, reruns: 'RUN cd /w', because, prints })),
      unread,
    ],
  },
  {
    rows: ['H06', 'H07', 'H22'],
    name: 'held-by-a-process-and-not-looked-at',
    files: {
      'd/held': 'one\n',
      'd/mapped': 'one\n',
      'd/listing/a': '',
      'd/link': { link: 'v1' },
      'd/mode': '1',
      unread: '',
    },
    steps: [
      `RUN BACKGROUND python3 -c '${[
        'import mmap, os, time',
        'os.chdir("/w/d")',
        'held, mapped, listing = [os.open(name, 0) for name in ("held", "mapped", "listing")]',
        'link = os.open("link", os.O_PATH | os.O_NOFOLLOW)',
        'pages = mmap.mmap(mapped, 0, access=mmap.ACCESS_READ)',
        'os.close(mapped)',
        'open("/tmp/ready", "w").close()',
        'exec("while not os.path.exists(\\"/tmp/ask\\"): time.sleep(0.05)")',
        'out = open("/tmp/part", "w")',
        'print(os.read(held, 9), bytes(pages), sorted(os.listdir(listing)), os.readlink("", dir_fd=link), os.access("mode", os.X_OK), os.path.exists("absent"), file=out)',
        'out.close()',
        'os.rename("/tmp/part", "/tmp/answer")',
        'time.sleep(1000)',
      ].join('; ')}'`,
      'RUN until [ -e /tmp/ready ]; do sleep 0.05; done',
      'RUN touch /tmp/ask; until [ -e /tmp/answer ]; do sleep 0.05; done; cat /tmp/answer',
    ],
    prints: heldSight({}),
    edits: [
      unread,
      { put: { 'd/held': 'two\n' }, because: '{}/d/held changed', ...afterHeld({ held: 'two' }) },
      {
        put: { 'd/mapped': 'two\n' },
        because: '{}/d/mapped changed',
        ...afterHeld({ held: 'two', mapped: 'two' }),
      },
      {
        put: { 'd/listing/b': '' },
        because: '{}/d/listing/ (listing) changed',
        ...afterHeld({ held: 'two', mapped: 'two', listing: "'a', 'b'" }),
      },
      {
        put: { 'd/absent': '' },
        because: '{}/d/absent appeared',
        ...afterHeld({ held: 'two', mapped: 'two', listing: "'a', 'b'", absent: 'True' }),
      },
      {
        shell: 'chmod +x d/mode',
        because: '{}/d/mode changed its kind or mode',
        ...afterHeld({ held: 'two', mapped: 'two', listing: "'a', 'b'", absent: 'True', mode: 'True' }),
      },
      {
        put: { 'd/link': { link: 'v2' } },
        because: '{}/d/link points elsewhere',
        ...afterHeld({ held: 'two', mapped: 'two', listing: "'a', 'b'", absent: 'True', mode: 'True', link: 'v2' }),
      },
      { put: { unread: 'y' }, reruns: null },
    ],
  },
  {
    rows: ['H20'],
    name: 'copied-to-where-a-process-is',
    files: { f: 'one\n', g: 'g\n', unread: '' },
    steps: ['COPY unread /w/', 'RUN BACKGROUND cd /w; sleep 1000', 'COPY f g /w/', 'RUN cat /w/f'],
    prints: 'one\n',
    edits: [
      // It is copied into what the process has before it, and so all of it was read.
      { put: { g: 'h\n' }, reruns: 'COPY f', because: '{}/g changed', prints: 'one\n' },
      { put: { f: 'two\n' }, reruns: 'COPY f', because: '{}/f changed', prints: 'two\n' },
      unread,
    ],
  },
  {
    // Each copy gets a name of its own in a file that a step has written to.
    rows: ['H35', 'H50'],
    name: 'hosts-edited-before-a-split',
    files: { f: 'one\n' },
    steps: [
      'RUN echo "127.0.0.1 made" >> /etc/hosts',
      'SPLIT 2',
      'RUN cat /w/f; grep made /etc/hosts || echo gone; grep -c "localhost $(hostname)$" /etc/hosts',
    ],
    prints: 'one\n127.0.0.1 made\n1\n',
    edits: [
      { put: { g: '' }, reruns: null },
      { put: { f: 'two\n' }, reruns: 'RUN cat', prints: 'two\n127.0.0.1 made\n1\n' },
    ],
  },
  {
    rows: ['H21'],
    name: 'forgotten-by-the-kernel',
    files,
    steps: [`RUN ${look}`, `RUN cat /w/trigger; echo 3 > /proc/sys/vm/drop_caches; ${look}`],
    prints: `1\n${linesOf(atFirst)}`,
    edits: [
      triggered('2'),
      ...eachKind(['content', 'listing', 'absent'], {
        reruns: 'RUN cd /w',
        prints: (sight) => `2\n${linesOf(sight)}`,
      }),
      unread,
    ],
  },
  {
    rows: ['H50', 'H21'],
    name: 'known-before-a-split',
    files,
    steps: [`RUN ${look}`, 'SPLIT 2', last],
    prints: `1\n${linesOf(atFirst)}`,
    edits: [
      triggered('2'),
      ...eachKind(['content', 'listing', 'absent'], {
        reruns: 'RUN cd /w',
        prints: (sight) => `2\n${linesOf(sight)}`,
      }),
      unread,
    ],
  },
  {
    rows: ['H21'],
    name: 'known-from-a-repeatable-step',
    files,
    steps: [`RUN REPEATABLE ${look}`, last],
    prints: `1\n${linesOf(atFirst)}`,
    edits: [
      triggered('2'),
      ...eachKind(['content', 'listing', 'link', 'absent'], {
        reruns: 'RUN REPEATABLE',
        prints: (sight) => `2\n${linesOf(sight)}`,
      }),
      unread,
    ],
  },
];

function heldSight({
  held = 'one',
  mapped = 'one',
  listing = "'a'",
  link = 'v1',
  mode = 'False',
  absent = 'False',
}: Partial<Record<'held' | 'mapped' | 'listing' | 'link' | 'mode' | 'absent', string>>): string {
  return `b'${held}\\n' b'${mapped}\\n' [${listing}] ${link} ${mode} ${absent}\n`;
}

/** The step that asks has seen it, not the one that opened it. */
function afterHeld(sight: Parameters<typeof heldSight>[0]): Pick<Edit, 'reruns' | 'prints'> {
  return { reruns: 'RUN touch', prints: heldSight(sight) };
}
