import { describe, expect, test } from 'vitest';
import { diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { parse } from '../../src/syntax/parse.ts';
import { marked, unmarked } from './marked.ts';

function expectMarks(text: string): void {
  expect(marked(text)).toBe(text);
}

function messages(text: string): readonly string[] {
  return parse({ path: 'Layerfile', text }).diagnostics.map(({ message }) => message);
}

function kinds(text: string): readonly string[] {
  return parse({ path: 'Layerfile', text: unmarked(text) }).ast.lines.map(({ kind }) => kind);
}

test('a bad line never hides the next: each mistake is reported, in order, where it is', () => {
  const text = `
from vm/ubuntu:22.04
~~~~ unknown-instruction
FROM vm/ubuntu:22.04
COPY "my file .
     ~ unclosed-quote
EXPOSE WEBISTE localhost:3000
       ~~~~~~~ unknown-instruction
THEN RUN npm test
~~~~ then
SKIP REMAINING IF GIT_BRANCH == main
                             ~~ condition-operator
"""
~~~ unknown-instruction
RUN npm test
`;
  expectMarks(text);
  expect(kinds(text)).toEqual([
    ...['blank', 'invalid', 'from', 'copy', 'invalid', 'run', 'skipRemainingIf', 'invalid', 'run'],
  ]);
});

describe('a keyword in other letters names the one that was meant', () => {
  test.each([
    ['run npm test', 'RUN'],
    ['Run npm test', 'RUN'],
    ['RN npm test', 'RUN'],
    ['RUNN npm test', 'RUN'],
    ['copy . .', 'COPY'],
    ['CPOY . .', 'COPY'],
    ['FORM vm/ubuntu:22.04', 'FROM'],
    ['run background npm start', 'RUN BACKGROUND'],
    ['RUNBACKGROUND npm start', 'RUN BACKGROUND'],
    ['Expose Website localhost', 'EXPOSE WEBSITE'],
    ['EXPOSE WEBISTE localhost', 'EXPOSE WEBSITE'],
    ['EXPOSE WEB localhost', 'EXPOSE WEBSITE'],
    ['EXPSE WEBSITE localhost', 'EXPOSE WEBSITE'],
    ['EXPOSE tcp 80', 'EXPOSE TCP'],
    ['BUILDENV NAME', 'BUILD ENV'],
    ['BUILD_ENV NAME', 'BUILD ENV'],
    ['SECRET_ENV NAME', 'SECRET ENV'],
    ['secret env NAME', 'SECRET ENV'],
    ['SECRETS ENV NAME', 'SECRET ENV'],
    ['SETUPFILE x', 'SETUP FILE'],
    ['SETUP FILES x', 'SETUP FILE'],
    ['SKIP REMANING IF A=b', 'SKIP REMAINING IF'],
    ['skip remaining if A=b', 'SKIP REMAINING IF'],
    ['WORKDIRECTORY /app', 'WORKDIR'],
    ['WORK_DIR /app', 'WORKDIR'],
    ['CHECKPONT', 'CHECKPOINT'],
    ['CHECK-POINT', 'CHECKPOINT'],
    ['MEM 2G', 'MEMORY'],
    ['RUN background npm start', 'RUN BACKGROUND'],
    ['RUN BACKGROUD npm start', 'RUN BACKGROUND'],
    ['RUN REPEATABEL npm start', 'RUN REPEATABLE'],
  ])('%s', (text, meant) => {
    expect(messages(text)).toEqual([expect.stringMatching(`is not an instruction; did you mean ${meant}\\?$`)]);
  });
});

test('only the words that are wrong are marked', () => {
  expectMarks(`FROM x
Expose Website localhost
~~~~~~~~~~~~~~ unknown-instruction
EXPOSE   Website localhost
         ~~~~~~~ unknown-instruction
expose WEBSITE localhost
~~~~~~ unknown-instruction
SKIP REMANING IF A=b
     ~~~~~~~~ unknown-instruction
BUILDENV NAME
~~~~~~~~ unknown-instruction
EXPOSE 8080
~~~~~~ incomplete-keyword
SETUP setup.sh
~~~~~ incomplete-keyword
RUN BACKGROUD npm start
    ~~~~~~~~~ unknown-instruction
RUNecho hello
~~~~~~~ unknown-instruction
RUN:
~~~~ unknown-instruction`);
});

test('instructions of Dockerfiles come with what does their work', () => {
  expectMarks(`FROM x
CMD npm start
~~~ foreign-instruction
ENTRYPOINT ["npm"]
~~~~~~~~~~ foreign-instruction
ARG VERSION
~~~ foreign-instruction
add . .
~~~ foreign-instruction
VOLUME /data
~~~~~~ foreign-instruction`);
  expect(messages('CMD npm start')).toEqual([
    'CMD is not an instruction of Layerfiles: use RUN, or RUN BACKGROUND for what should stay up',
  ]);
  expect(messages('EXPOSE 8080')).toEqual([
    'EXPOSE by itself is not an instruction; write EXPOSE WEBSITE or EXPOSE TCP',
  ]);
});

test('a command that is called like nothing in the language stays a command', () => {
  expect(messages('RUN ./background\nRUN back up\nRUN BACK=1 x\nRUN repeat 3\nRUN THEN')).toEqual([]);
});

test('THEN before an instruction is reported, and the instruction read; before nothing it is an unknown line', () => {
  const text = `FROM x
  THEN RUN npm test
  ~~~~ then
then THEN COPY . .
~~~~ then
     ~~~~ then
THEN
~~~~ foreign-instruction
THEN npm test
~~~~ foreign-instruction`;
  expectMarks(text);
  expect(kinds(text)).toEqual(['from', 'run', 'copy', 'invalid', 'invalid']);
});

test('a line that is no instruction is reported once, with its continuations', () => {
  const text = `FROM x
apt-get install \\
~~~~~~~ unknown-instruction
  # a comment
  run 'it \\\\
  FROM y

RUN z`;
  expectMarks(text);
  expect(kinds(text)).toEqual(['from', 'invalid', 'blank', 'run']);
});

test('a line that goes on from the one above is told how', () => {
  const notes = (text: string): readonly string[] =>
    parse({ path: 'Layerfile', text }).diagnostics.flatMap((one) => one.notes.map(({ message }) => message));
  const told = ['if it belongs to the line above, end that line with a backslash'];
  expect(notes('RUN a &&\n    b')).toEqual(told);
  expect(notes('RUN a\n&& b')).toEqual(told);
  expect(notes('RUN a\nb')).toEqual([]);
  expect(notes('RUN a\n  run b')).toEqual([]);
});

test('a here-document is reported where it begins, not line by line', () => {
  const text = `FROM x
RUN cat > file <<'EOF'
               ~~~~~~~ here-document
some text
run more
EOF
nothing
~~~~~~~ unknown-instruction
RUN cat <<< EOF
RUN echo $((1 << 2))`;
  expectMarks(text);
});

test('a blank that is none is named', () => {
  const file = { path: 'Layerfile', text: 'FROM x\nRUN\u00A0npm test' };
  expect(parse(file).diagnostics).toEqual([
    diagnostic('syntax/strange-blank', { file, start: 10, end: 11 }, { character: 'U+00A0' }),
  ]);
});

test('characters that nobody sees are reported, once a line, comments apart', () => {
  expectMarks('# \u0000 \u202E\nRUN echo \u0000\u0000\n         ~ nul\nCOPY a\u202Eb .\n      ~ invisible-character');
});

test('what was meant is kept, so that no missing FROM is reported where `from` stands', () => {
  const { ast } = parse({ path: 'Layerfile', text: 'from x\nCMD y\nBUILD x\n' });
  expect(ast.lines.map((line) => (line.kind === 'invalid' ? [line.word?.value, line.meant] : line.kind))).toEqual([
    ['from', 'from'],
    ['CMD', null],
    ['BUILD', 'buildEnv'],
  ]);
});
