import { describe, expect, test } from 'vitest';
import { hovers } from '../../src/syntax/generated-hover.ts';
import { keywords } from '../../src/syntax/keywords.ts';
import { parse } from '../../src/syntax/parse.ts';
import { marked } from './marked.ts';
import { codes, read } from './read.ts';

describe('every instruction', () => {
  test.each(Object.entries(hovers))('%s is read from its documented example', (kind, { example, forms }) => {
    const { ast, diagnostics } = parse({ path: 'Layerfile', text: example });
    expect(diagnostics).toEqual([]);
    expect(ast.lines.map((line) => line.kind)).toEqual([kind]);
    for (const form of forms) expect(form.startsWith(keywords[kind as keyof typeof keywords])).toBe(true);
  });

  test.each(Object.entries(keywords))('%s is read without arguments', (kind, keyword) => {
    for (const text of [keyword, `${keyword} `, `  ${keyword}\t\\\n\n`, `${keyword.replaceAll(' ', ' \t ')}\r\n`]) {
      const { ast, diagnostics } = parse({ path: 'Layerfile', text });
      expect(ast.lines[0]?.kind).toBe(kind);
      expect(diagnostics).toEqual([]);
    }
  });

  test.each(Object.values(keywords))('%s needs a blank after it', (keyword) => {
    expect(read(`${keyword}x`).filter(([found]) => found === keyword)).toEqual([]);
    expect(read(`${keyword}#x`).filter(([found]) => found === keyword)).toEqual([]);
  });
});

describe('line ends and blanks', () => {
  test('LF, CRLF and CR end a line, mixed too', () => {
    expect(read('FROM a\nRUN b\r\nRUN c\rRUN d')).toEqual([
      ['FROM', 'a'],
      ['RUN', 'b'],
      ['RUN', 'c'],
      ['RUN', 'd'],
    ]);
  });

  test('a byte order mark at the start is nothing; elsewhere it is a character', () => {
    expect(read('\uFEFFFROM a')).toEqual([['FROM', 'a']]);
    expect(codes('\uFEFF')).toEqual([]);
    expect(codes('\n\uFEFFFROM a')).toEqual(['syntax/strange-blank']);
  });

  test('blanks before an instruction and between the words of a keyword', () => {
    expect(read(' \t FROM a\n\tRUN \t BACKGROUND   b  \nSKIP  REMAINING\tIF A=b')).toEqual([
      ['FROM', 'a'],
      ['RUN BACKGROUND', 'b'],
      ['SKIP REMAINING IF', 'A', '=', 'b'],
    ]);
  });

  test('blanks at the end of a line', () => {
    expect(read('FROM a \t\nRUN b  \r\nCOPY c d \t ')).toEqual([
      ['FROM', 'a'],
      ['RUN', 'b'],
      ['COPY', 'c', 'd'],
    ]);
  });

  test('an empty file, and one of blanks', () => {
    expect(parse({ path: 'Layerfile', text: '' }).ast.lines).toEqual([]);
    expect(parse({ path: 'Layerfile', text: ' \t' }).ast.lines.map(({ kind }) => kind)).toEqual(['blank']);
  });
});

describe('continuations', () => {
  test.each([
    ['between words', 'COPY a \\\nb', ['COPY', 'a', 'b']],
    ['with blanks after the backslash', 'COPY a \\ \t\n b', ['COPY', 'a', 'b']],
    ['with CRLF', 'COPY a \\\r\n b', ['COPY', 'a', 'b']],
    ['with CR', 'COPY a \\\r b', ['COPY', 'a', 'b']],
    ['inside a word', 'COPY a\\\nb c', ['COPY', 'ab', 'c']],
    ['inside a command', 'RUN a \\\n  b\\\nc', ['RUN', 'a   bc']],
    ['inside quotes', 'COPY "a \\\n b" c', ['COPY', 'a  b', 'c']],
    ['between the words of a keyword', 'RUN \\\n BACKGROUND a', ['RUN BACKGROUND', 'a']],
    ['inside a keyword', 'R\\\nUN BACK\\ \r\nGROUND a', ['RUN BACKGROUND', 'a']],
    ['after a keyword', 'RUN \\\n\\\n\\\n  a', ['RUN', 'a']],
    ['before an instruction', '\\\n  RUN a', ['RUN', 'a']],
    ['at the end of the file', 'RUN a \\', ['RUN', 'a']],
    ['with blanks at the end of the file', 'RUN a \\ \t', ['RUN', 'a']],
    ['at the end of the file after a line end', 'RUN a \\\n', ['RUN', 'a']],
    ['inside an operator', 'SKIP REMAINING IF A!\\\n=\\\n~b', ['SKIP REMAINING IF', 'A', '!=~', 'b']],
    ['inside AND', 'SKIP REMAINING IF A=b A\\\nND C=d', ['SKIP REMAINING IF', 'A', '=', 'b', 'C', '=', 'd']],
    ['inside a substitution', 'ENV A=$\\\n(b \\\n c) D=e', ['ENV', 'A=$(b  c)', 'D=e']],
    ['after a backslash and a blank that are text', 'RUN a\\ b \\\n c', ['RUN', 'a\\ b  c']],
  ])('%s', (_, text, expected) => {
    expect(read(text)).toEqual([expected]);
    expect(codes(text)).toEqual([]);
  });

  test('a keyword that a continuation glues to what follows is no keyword', () => {
    expect(codes('RUN\\\necho hello')).toEqual(['syntax/unknown-instruction']);
  });

  test.each(['\n', '  \t\n', '\r\n'])('an empty line (%j) ends the instruction', (empty) => {
    expect(read(`RUN a \\\n${empty}RUN b`)).toEqual([
      ['RUN', 'a'],
      ['RUN', 'b'],
    ]);
  });

  test('an empty line after a comment ends it too', () => {
    expect(read('RUN a \\\n# comment\n\nRUN b')).toEqual([
      ['RUN', 'a'],
      ['RUN', 'b'],
    ]);
  });

  test('of two backslashes one is text, with a warning; three are a pair and a continuation', () => {
    const text = `RUN a && \\\\
         ~~ double-backslash
    b
COPY a \\\\
       ~~ double-backslash
  b
ENV A=b\\\\
       ~~ double-backslash
c
RUN a \\\\\\
  b
RUN a \\\\\\\\
        ~~ double-backslash
  b
RUN \\\\server\\share \\\\ b`;
    expect(marked(text)).toBe(text);
    expect(read('RUN a && \\\\\n  b')).toEqual([['RUN', 'a && \\  b']]);
    expect(read('RUN a \\\\\\\n  b')).toEqual([['RUN', 'a \\\\  b']]);
    expect(read('COPY a\\\\\n b')).toEqual([['COPY', 'a\\', 'b']]);
  });
});

describe('comments', () => {
  test('a whole line, and inside a continued instruction, where it vanishes', () => {
    expect(read('# one\n  # two \\\nRUN a && \\\n# three\n  \t# four \\\n  b')).toEqual([['RUN', 'a &&   b']]);
    expect(read('RUN echo "\\\n# dropped\n  x"')).toEqual([['RUN', 'echo "  x"']]);
    expect(read('COPY a \\\n# dropped\n b')).toEqual([['COPY', 'a', 'b']]);
    expect(read('COPY a\\\n# dropped\nb c')).toEqual([['COPY', 'ab', 'c']]);
  });

  test.each([
    ['CACHE a # b', ['CACHE', 'a']],
    ['CHECKPOINT # b', ['CHECKPOINT']],
    ['COPY a b #c', ['COPY', 'a', 'b']],
    ['ENV A=b # c', ['ENV', 'A=b']],
    ['BUILD ENV A # b', ['BUILD ENV', 'A']],
    ['SECRET ENV A # b', ['SECRET ENV', 'A']],
    ['LABEL a=b # c', ['LABEL', 'a=b']],
    ['EXPOSE WEBSITE localhost # b', ['EXPOSE WEBSITE', 'localhost']],
    ['EXPOSE TCP 80 # b', ['EXPOSE TCP', '80']],
    ['MEMORY 2G # b', ['MEMORY', '2G']],
    ['SETUP FILE a # b', ['SETUP FILE', 'a']],
    ['SPLIT UNORDERED 5 # b', ['SPLIT', 'UNORDERED', '5']],
    ['USER a # b', ['USER', 'a']],
    ['WAIT a # b', ['WAIT', 'a']],
    ['WORKDIR a # b', ['WORKDIR', 'a']],
    ['AWS link # b', ['AWS', 'link']],
    ['SKIP REMAINING IF A=b # c', ['SKIP REMAINING IF', 'A', '=', 'b']],
    ['SKIP REMAINING IF A = b#c # d', ['SKIP REMAINING IF', 'A', '=', 'b#c']],
    ['SKIP REMAINING IF A=#c', ['SKIP REMAINING IF', 'A', '=', '#c']],
    ['COPY a#b "#c" d', ['COPY', 'a#b', '#c', 'd']],
    ['ENV A=b#c B="d # e" C=$(f # g)', ['ENV', 'A=b#c', 'B="d # e"', 'C=$(f # g)']],
  ])('a word that # starts is one: %s', (text, expected) => {
    expect(read(text)).toEqual([expected]);
    expect(codes(text)).toEqual([]);
  });

  test.each([
    ['RUN a # b', ['RUN', 'a # b']],
    ['RUN # b', ['RUN', '# b']],
    ['RUN BACKGROUND a # b', ['RUN BACKGROUND', 'a # b']],
    ['RUN REPEATABLE a # b', ['RUN REPEATABLE', 'a # b']],
    ['BUTTON ship #1? # b', ['BUTTON', 'ship #1? # b']],
    ['FROM a # b', ['FROM', 'a # b']],
    ['CLONE a #b c', ['CLONE', 'a', '#b', 'c']],
  ])('# is text in %s', (text, expected) => {
    expect(read(text)).toEqual([expected]);
  });

  test('one after arguments is never continued', () => {
    expect(read('COPY a b # c \\\nRUN d')).toEqual([
      ['COPY', 'a', 'b'],
      ['RUN', 'd'],
    ]);
  });
});

describe('words', () => {
  test.each([
    ['COPY "a b" \'c d\'', ['COPY', 'a b', 'c d']],
    ['COPY a" "b\' \'c d', ['COPY', 'a b c', 'd']],
    ["CLONE u DEFAULT='hello world' d", ['CLONE', 'u', 'DEFAULT=hello world', 'd']],
    ['COPY "it\'s" \'say "hi"\'', ['COPY', "it's", 'say "hi"']],
    ['COPY "a\\" b', ['COPY', 'a\\', 'b']],
    ['COPY "" \'\'', ['COPY', '', '']],
    ['COPY a\\b c\\ d', ['COPY', 'a\\b', 'c\\', 'd']],
    ['COPY a\tb\t', ['COPY', 'a', 'b']],
    ['COPY ä𝄞 日本', ['COPY', 'ä𝄞', '日本']],
    ['COPY a\u00A0b c', ['COPY', 'a\u00A0b', 'c']],
    ['EXPOSE WEBSITE http://localhost:3000/ /a', ['EXPOSE WEBSITE', 'http://localhost:3000/', '/a']],
    ['AWS link --region="us-east-1"', ['AWS', 'link', '--region=us-east-1']],
    ['SPLIT UNORDERED 5', ['SPLIT', 'UNORDERED', '5']],
    ['SPLIT 5 UNORDERED', ['SPLIT', null, '5', 'UNORDERED']],
    ['SPLIT UNORDERED5', ['SPLIT', null, 'UNORDERED5']],
    ['RUN echo "it\'s', ['RUN', 'echo "it\'s']],
    ["BUTTON don't?", ['BUTTON', "don't?"]],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual([expected]);
    expect(codes(text)).toEqual([]);
  });

  test('the parts of a word keep their quotes apart, and their places', () => {
    const file = { path: 'Layerfile', text: 'WORKDIR a"$B"\'$C\'' };
    const line = parse(file).ast.lines[0];
    expect(line?.kind === 'workdir' ? line.words[0]?.parts : null).toEqual([
      { quote: 'none', text: 'a', span: { file, start: 8, end: 9 } },
      { quote: 'double', text: '$B', span: { file, start: 10, end: 12 } },
      { quote: 'single', text: '$C', span: { file, start: 14, end: 16 } },
    ]);
  });

  test('a quote that is not closed is reported, and reaches to the end of the line', () => {
    const text = `COPY "a b  
     ~ unclosed-quote
WORKDIR '/app
        ~ unclosed-quote
COPY "it's" 'x
            ~ unclosed-quote
CACHE a" \\
       ~ unclosed-quote
  b # c
LABEL "
      ~ unclosed-quote`;
    expect(marked(text)).toBe(text);
    expect(read('COPY "a b  \nCACHE a" \\\n  b # c')).toEqual([
      ['COPY', 'a b'],
      ['CACHE', 'ab # c'],
    ]);
  });
});
