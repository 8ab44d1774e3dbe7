import { expect, test } from 'vitest';
import { formatLayerfile } from '../../src/syntax/format.ts';
import { parse } from '../../src/syntax/parse.ts';
import { printLayerfile } from '../../src/syntax/print.ts';

const mebi = 1 << 20;
const fill = (piece: string, length = mebi / 4): string => piece.repeat(Math.ceil(length / piece.length));

/** A megabyte, or a quarter of one, and each made to hurt: what is read again for every character would take minutes. */
const hard: Readonly<Record<string, string>> = {
  '20,000 lines': 'RUN echo hello world, this is a line\n'.repeat(20_000),
  'a file of everything': fill(
    '# c\nFROM x\nCOPY a b\nENV a=b c="d e"\nSKIP REMAINING IF A=b AND C=d\nnot one\n\n',
    mebi,
  ),
  'empty lines': fill('\r\n'),
  'unknown lines': 'EXPOSE WEBISTE x\n'.repeat(20_000),
  'a command of one word': `RUN ${fill('a', mebi)}`,
  'a command of many words': `RUN ${fill('a b ', mebi)}`,
  'a word': `COPY ${fill('a')}`,
  'many words': `COPY ${fill('a b ')}`,
  'many shell words': `ENV ${fill('a=b ')}`,
  '10,000 continuations': `RUN a${' \\\n b'.repeat(10_000)}`,
  'a megabyte of continuations': `COPY ${fill('\\\n')}`,
  'continuations inside a word': `COPY ${fill('a\\\n')}`,
  'continuations inside a keyword': `R${fill('\\\n')}UN x`,
  'comments inside a command': `RUN a \\\n${fill('# note\n')}`,
  'double quotes': `COPY ${fill('"', mebi)}`,
  'an odd number of quotes': `COPY ${fill('"', mebi)}"`,
  'quotes of both kinds': `COPY ${fill(`"'`)}`,
  'unclosed quotes, line by line': fill('COPY "a\n'),
  'double quotes in ENV': `ENV ${fill('"', mebi)}"`,
  'backticks in ENV': `ENV ${fill('`')}\``,
  'substitutions 100,000 deep': `ENV A=${'$('.repeat(100_000)}`,
  'substitutions 100,000 deep, closed': `ENV A=${'$('.repeat(100_000)}${')'.repeat(100_000)}`,
  'substitutions in quotes 100,000 deep': `ENV A=${'"$('.repeat(100_000)}`,
  'braces deep': `ENV A=${fill('${')}`,
  'parentheses deep': `ENV A=$(${fill('(')}`,
  'unclosed substitutions before blanks': `ENV A=${'$('.repeat(100)}${fill(' ')}`,
  'unclosed substitutions before continuations': `ENV A=${'"$('.repeat(100)}${fill('\\\n')}`,
  backslashes: `RUN ${fill('\\')}`,
  'backslashes and blanks': `RUN ${fill('\\ ')}x`,
  'blanks after a backslash': `RUN \\${fill(' ')}x`,
  'blanks inside a command': `RUN a${fill(' ')}b`,
  'blanks at the end': `COPY a${fill(' ')}`,
  'a line of blanks': fill(' '),
  'an unknown line': fill('x '),
  'an unknown word': fill('x'),
  conditions: `SKIP REMAINING IF ${fill('A=b AND ')}`,
  'nothing but AND': `SKIP REMAINING IF ${fill('AND ')}`,
  'words after a condition': `SKIP REMAINING IF A=b ${fill('c ')}`,
  operators: `SKIP REMAINING IF ${fill('=!~<')}`,
  THENs: `${fill('THEN ')}RUN x`,
  'THENs before nothing': `${fill('THEN ')}x`,
  NULs: `RUN ${fill('\0')}`,
  'unclosed here-documents': fill('RUN cat <<EOF\nx\n'),
};

/** What a piece of work gives, within a limit of processor time, so that a busy machine fails nothing. */
function timely<T>(work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(4_000);
  return result;
}

test.each(Object.entries(hard))('%s', (_, text) => {
  const { ast } = timely(() => parse({ path: 'Layerfile', text }));
  expect(printLayerfile(ast) === text).toBe(true);
  timely(() => formatLayerfile(ast));
});
