import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEarthfile } from '../../src/earthfile/parse.ts';
import { printEarthfile } from '../../src/earthfile/print.ts';
import { checkEarthfile } from '../../src/earthfile/check.ts';
import type { EarthCommand } from '../../src/earthfile/ast.ts';

const parse = (text: string) => parseEarthfile({ path: 'Earthfile', text });

const commands = (text: string) =>
  parse(text).ast.lines.filter((line): line is EarthCommand => line.kind === 'command');

const words = (text: string) =>
  commands(text).map((command) => [command.keyword, ...command.words.map((word) => word.text)]);

describe('words', () => {
  test('are separated by blanks; quotes, escapes and $(…) hold together', () => {
    expect(words(`RUN echo "a b" 'c d' e\\ f $(g "h)" i) j`)).toEqual([
      ['RUN', 'echo', '"a b"', "'c d'", 'e\\ f', '$(g "h)" i)', 'j'],
    ]);
  });

  test('go on over a backslash at a line end, past comments and empty lines', () => {
    expect(words('RUN a \\\n  # not this\n\n  b\\\n  c # nor this\nRUN d')).toEqual([
      ['RUN', 'a', 'bc'],
      ['RUN', 'd'],
    ]);
  });

  test('may hold a #, and a quote may run over line ends', () => {
    expect(words('RUN a#b "c\nd"')).toEqual([['RUN', 'a#b', '"c\nd"']]);
  });

  test('of a keyword are told apart from longer ones', () => {
    expect(words('FROM DOCKERFILE .\nFROM alpine\nWITH   DOCKER --pull x\nEND').map(([keyword]) => keyword)).toEqual([
      'FROM DOCKERFILE',
      'FROM',
      'WITH DOCKER',
      'END',
    ]);
  });

  test('a $( that nothing closes is ordinary text', () => {
    expect(words('RUN echo $(a b')).toEqual([['RUN', 'echo', '$(a', 'b']]);
  });
});

describe('assignments', () => {
  const assigned = (text: string) =>
    commands(text).flatMap((command) => command.assignments.map(({ name, value }) => [name.text, value?.text ?? null]));

  test('take a value with its blanks, with or without blanks round the sign', () => {
    expect(assigned('ARG A\nARG --required B\nARG C = "x y" z\nENV D e f\nLET G="=="\nSET H=$(i j)')).toEqual([
      ['A', null],
      ['B', null],
      ['C', '"x y" z'],
      ['D', 'e f'],
      ['G', '"=="'],
      ['H', '$(i j)'],
    ]);
  });

  test('of LABEL come in pairs', () => {
    expect(assigned('LABEL a=b "c d" = e')).toEqual([
      ['a', 'b'],
      ['"c d"', 'e'],
    ]);
  });
});

describe('blocks', () => {
  test('nest, with their clauses, until END', () => {
    const { ast, diagnostics } = parse(
      'VERSION 0.8\nFROM a\nt:\n  IF x\n    FOR i IN 1 2\n      RUN y\n    END\n  ELSE IF z\n  ELSE\n    RUN w\n  END\n  RUN v\n',
    );
    expect(diagnostics).toEqual([]);
    const [recipe] = ast.recipes;
    expect(recipe?.body.map((statement) => statement.kind)).toEqual(['block', 'simple']);
    const [block] = recipe?.body ?? [];
    expect(
      block?.kind === 'block' && block.clauses.map((clause) => [clause.command.keyword, clause.body.length]),
    ).toEqual([
      ['IF', 1],
      ['ELSE IF', 0],
      ['ELSE', 1],
    ]);
  });
});

/** Each `^` line marks, under the line before it, what the diagnostic of the named code covers. */
const faulty: readonly (readonly [name: string, marked: string])[] = [
  ['no END', 'VERSION 0.8\nFROM a\nt:\n    IF x\n    ^^ earthfile/missing-end\n        RUN y\nu:\n    RUN z\n'],
  ['a stray END', 'VERSION 0.8\nFROM a\nt:\n    RUN y\n    END\n    ^^^ earthfile/stray-end\n'],
  ['ELSE twice', 'VERSION 0.8\nFROM a\nt:\n    IF x\n    ELSE\n    ELSE\n    ^^^^ earthfile/stray-clause\n    END\n'],
  ['odd indent', 'VERSION 0.8\nFROM a\nt:\n    RUN x\n   RUN y\n^^^ earthfile/uneven-indent\n'],
  ['no indent', 'VERSION 0.8\nFROM a\nt:\nRUN x\n^^^ earthfile/not-indented\n'],
  ['indent above the first target', 'VERSION 0.8\n  FROM a\n  ^^^^ earthfile/unexpected-indent\n'],
  ['an unknown flag', 'VERSION 0.8\nFROM a\nRUN --pusch x\n    ^^^^^^^ earthfile/unknown-flag\n'],
  [
    'a flag without its value',
    'VERSION 0.8\nFROM a\nRUN --secret\n    ^^^^^^^^ earthfile/flag-without-value\n^^^ earthfile/missing-words\n',
  ],
  ['an unknown target', 'VERSION 0.8\nt:\n    FROM +uu\n         ^^^ earthfile/unknown-reference\n'],
  ['an unknown artifact', 'VERSION 0.8\nFROM a\nCOPY (+uu/x --A=b) .\n      ^^^ earthfile/unknown-reference\n'],
  [
    'an unknown image to load',
    'VERSION 0.8\nFROM a\nWITH DOCKER --load x=+uu\n                     ^^^ earthfile/unknown-reference\n    RUN x\nEND\n',
  ],
  ['an unknown function', 'VERSION 0.8\nFROM a\nDO +UU\n   ^^^ earthfile/unknown-reference\n'],
  ['an alias nobody imports', 'VERSION 0.8\nIMPORT github.com/o/r:v1\nFROM s+t\n     ^^^ earthfile/not-imported\n'],
  ['a cycle', 'VERSION 0.8\nt:\n    FROM +u\nu:\n    BUILD +t\n          ^^ earthfile/cycle\n'],
  ['a target twice', 'VERSION 0.8\nFROM a\nt:\n    RUN x\nt:\n^ earthfile/duplicate-name\n    RUN y\n'],
  ['Bad-Target', 'VERSION 0.8\nFROM a\nBad-Target:\n^^^^^^^^^^ earthfile/target-name\n    RUN x\n'],
  ['base as a target', 'VERSION 0.8\nFROM a\nbase:\n^^^^ earthfile/reserved-name\n    RUN x\n'],
  ['an unknown command', 'VERSION 0.8\nFROM a\nRNU x\n^^^ earthfile/unknown-command\n'],
  ['an open quote', 'VERSION 0.8\nFROM a\nRUN echo "x\n         ^ earthfile/unclosed-quote\n'],
  ['VERSION late', 'FROM a\nVERSION 0.8\n^^^^^^^ earthfile/version-not-first\n'],
  ['an unknown version', 'VERSION 0.9\n        ^^^ earthfile/unknown-version\nFROM a\n'],
  ['an unknown feature', 'VERSION --tri 0.8\n        ^^^^^ earthfile/unknown-feature\nFROM a\n'],
  ['no number', 'VERSION --try\n^^^^^^^ earthfile/version-missing\nFROM a\n'],
  ['two numbers', 'VERSION 0.7 0.8\n            ^^^ earthfile/too-many-words\nFROM a\n'],
  [
    'a command that is off',
    'VERSION 0.8\nFROM a\nTRY\n^^^ earthfile/needs-feature\n    RUN x\nFINALLY\n    SAVE ARTIFACT x\nEND\n',
  ],
  ['a flag that is off', 'VERSION 0.8\nFROM a\nRUN --aws x\n    ^^^^^ earthfile/needs-feature\n'],
  ['a wildcard that is off', 'VERSION 0.8\nBUILD ./*+t\n      ^^^^^ earthfile/needs-feature\n'],
  ['RUN before FROM', 'VERSION 0.8\nt:\n    ARG A=b\n    RUN x\n    ^^^ earthfile/before-from\n    FROM a\n'],
  ['a shell in ARG before FROM', 'VERSION 0.8\nt:\n    ARG A=$(b)\n    ^^^ earthfile/before-from\n    FROM a\n'],
  ['IF before FROM', 'VERSION 0.8\nt:\n    IF x\n    ^^ earthfile/before-from\n        FROM a\n    END\n'],
  ['ADD', 'VERSION 0.8\nFROM a\nADD x y\n^^^ earthfile/unsupported-command\n'],
  ['a variable with a dash', 'VERSION 0.8\nARG a-b=c\n    ^^^ earthfile/variable-name\nFROM a\n'],
  [
    'required and a default',
    'VERSION 0.8\nARG --required A=b\n                 ^ earthfile/required-default\nFROM a\n',
  ],
  ['LET without a sign', 'VERSION 0.8\nLET a b\n    ^ earthfile/missing-words\nFROM a\n'],
  ['COPY of one word', 'VERSION 0.8\nFROM a\nCOPY x\n^^^^ earthfile/missing-words\n'],
  ['a function that is none', 'VERSION 0.8\nFROM a\nF:\n^ earthfile/not-a-function\n    RUN x\n'],
  ['FUNCTION in a target', 'VERSION 0.8\nFROM a\nf:\n    FUNCTION\n    ^^^^^^^^ earthfile/stray-function\n'],
  ['PROJECT in a target', 'VERSION 0.8\nFROM a\nf:\n    PROJECT a/b\n    ^^^^^^^ earthfile/base-only\n'],
  ['COPY in WITH DOCKER', 'VERSION 0.8\nFROM a\nWITH DOCKER\n    COPY a b\n    ^^^^ earthfile/not-in-block\nEND\n'],
  [
    'two RUNs in WITH DOCKER',
    'VERSION 0.8\nFROM a\nWITH DOCKER\n    RUN a\n    RUN b\n    ^^^ earthfile/one-run\nEND\n',
  ],
  ['LABEL without a sign', 'VERSION 0.8\nFROM a\nLABEL b=c d\n          ^ earthfile/missing-words\n'],
  ['a sign in a value after a blank', 'VERSION 0.8\nFROM a\nENV A b=c\n       ^ earthfile/late-equals\n'],
  ['LET without a value', 'VERSION 0.8\nLET a=\n    ^ earthfile/missing-words\nFROM a\n'],
  ['ARG with a blank for the sign', 'VERSION 0.8\nARG a b\n    ^ earthfile/missing-words\nFROM a\n'],
  ['a variable named by a variable', 'VERSION 0.8\nFROM a\nENV $A=b\n    ^^ earthfile/variable-name\n'],
  ['words after END', 'VERSION 0.8\nFROM a\nIF x\n    RUN y\nEND z\n    ^ earthfile/too-many-words\n'],
  ['words after ELSE', 'VERSION 0.8\nFROM a\nIF x\nELSE y\n     ^ earthfile/too-many-words\nEND\n'],
  ['a version that is gone', 'VERSION 0.5\n        ^^^ earthfile/unknown-version\nFROM a\n'],
  [
    'a shell in FOR before FROM',
    'VERSION 0.8\nt:\n    FOR a IN $(b)\n    ^^^ earthfile/before-from\n    END\n    FROM c\n',
  ],
  ['a command behind a header', 'VERSION 0.8\nt: RUN x\n^^ earthfile/unknown-command\n'],
  [
    'a header in a block',
    'VERSION 0.8\nFROM a\nt:\n    WAIT\n    ^^^^ earthfile/missing-end\n        BUILD +u\nu:\n    RUN x\n    END\n    ^^^ earthfile/stray-end\n',
  ],
  ['a backslash at the very end', 'VERSION 0.8\nFROM a\nRUN x \\\n      ^ earthfile/lone-backslash'],
];

/** Takes the mark lines out of a text and turns them into the spans they mark. */
function unmark(marked: string): { text: string; expected: string[] } {
  const expected: string[] = [];
  let text = '';
  let lineStart = 0;
  for (const line of marked.split('\n')) {
    const mark = /^( *)(\^+) (earthfile\/\S+)$/.exec(line);
    if (mark === null) {
      lineStart = text.length;
      text += `${line}\n`;
    } else {
      const start = lineStart + (mark[1] ?? '').length;
      expected.push(`${start}-${start + (mark[2] ?? '').length} ${mark[3] ?? ''}`);
    }
  }
  return { text: text.replace(/\n$/, ''), expected };
}

describe('what is wrong', () => {
  test.each(faulty)('%s', (_name, marked) => {
    const { text: whole, expected } = unmark(marked);
    const text = marked.includes('lone-backslash') ? whole.replace(/\n$/, '') : whole;
    const { ast, diagnostics } = parse(text);
    const found = [...diagnostics, ...checkEarthfile(ast)].map(
      ({ span, code }) => `${span?.start}-${span?.end} ${code}`,
    );
    expect(found.sort()).toEqual(expected.sort());
  });

  test('a missing VERSION is a warning', () => {
    expect(checkEarthfile(parse('FROM a\n').ast).map((one) => [one.code, one.severity])).toEqual([
      ['earthfile/no-version', 'warning'],
    ]);
  });
});

describe('what is right', () => {
  test.each([
    'VERSION 0.8\nt:\n    FROM alpine\n    ARG --required A\n    WAIT\n        BUILD --platform=linux/amd64 +u --B=$A\n    END\n    COPY --dir a b (+u/x --B="y z") ./\nu:\n    FROM scratch\n    SAVE ARTIFACT x AS LOCAL y\n',
    'VERSION --try --docker-cache 0.8\nFROM alpine\nt:\n    WITH DOCKER --cache-id=x --load=i:1=(+base --A=1) --pull y\n        RUN docker run i:1\n    END\n    TRY\n        RUN x\n    FINALLY\n        SAVE ARTIFACT --if-exists y\n    END\n',
    'VERSION 0.7\nIMPORT ./lib AS l\nFROM alpine\nF:\n    COMMAND\n    ARG A = $(echo a)\n    RUN x\nt:\n    DO +F --A=b\n    DO l+G\n    FOR --sep="," x IN $(ls)\n        BUILD ./$x+t\n    END\n    RUN -- --not-a-flag\n    RUN ls --color\n',
    'VERSION 0.8\nall:\n    BUILD +t --A=1\nt:\n    ARG A\n    FROM alpine\n    IF [ "$A" = 1 ]\n        BUILD +t --A=2\n    END\n',
    '# comment\n\nVERSION 0.8\r\nFROM alpine\r\n\r\nt: # a target\r\n\r\n  # inside\r\n    RUN x\r\n# outside\r\n    RUN y',
    'VERSION 0.8\nempty:\nother:\n    # nothing here\n',
    'VERSION 0.8\nFROM alpine\nt:\n    IF x\n    RUN y\n    ELSE\n    RUN z\n    END\n    RUN w\n',
    "VERSION 0.8\nFROM alpine\nENV A don't\nENTRYPOINT x\nRUN --entrypoint\nF:\n    FUNCTION\nF:\n    FUNCTION\n",
    'VERSION --try 0.8\nFROM alpine\nTRY\n    WITH DOCKER\n        RUN x\n    END\nFINALLY\n    SAVE ARTIFACT y\nEND\nWITH DOCKER\n    IF x\n        RUN y\n    ELSE\n        RUN z\n    END\nEND\n',
    'VERSION 0.8\nt:\n    FOR a IN b c\n        BUILD +u --A=$a\n    END\nu:\n    FROM alpine\n    ENTRYPOINT --port 80\n    CMD --verbose\n',
    'VERSION 0.8\nFROM alpine\nRUN echo $(echo # no comment\\\n) "$(echo "a b")"\nLABEL a=b \\\n  "c"=\'d e\'\n',
  ])('%#', (text) => {
    const { ast, diagnostics } = parse(text);
    expect([...diagnostics, ...checkEarthfile(ast)]).toEqual([]);
  });
});

describe('whatever the text', () => {
  const fragment = fc.constantFrom(
    'VERSION 0.8',
    'FROM a',
    't:',
    '\n',
    '    ',
    'RUN ',
    '"',
    "'",
    '\\',
    '$(',
    ')',
    '#',
    '=',
    'IF x',
    'END',
    'ARG ',
    'LABEL ',
    '\r\n',
    'É',
    '\u{1F600}',
  );
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fragment).map((parts) => parts.join('')),
  );

  test('printing gives it back, checking does not throw, and spans lie inside', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const { ast, diagnostics } = parse(text);
        expect(printEarthfile(ast)).toBe(text);
        for (const { span } of [...diagnostics, ...checkEarthfile(ast)]) {
          expect(span !== null && span.start >= 0 && span.start <= span.end && span.end <= text.length).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['nesting', `RUN ${'$('.repeat(20_000)}\n`],
    ['quotes', `RUN ${`'"`.repeat(100_000)}\n`],
    ['continuations', `RUN ${'a \\\n'.repeat(50_000)}\n`],
    ['lines', 'RUN x\n'.repeat(20_000)],
    ['a long line', `RUN ${'x'.repeat(1_000_000)}`],
    ['open blocks', `t:\n${'    IF x\n'.repeat(5_000)}`],
  ])('it is read to the end: %s', (_name, text) => {
    expect(printEarthfile(parse(text).ast)).toBe(text);
  });
});
