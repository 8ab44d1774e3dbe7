import { describe, expect, test } from 'vitest';
import { parse } from '../../src/syntax/parse.ts';
import { marked, unmarked } from './marked.ts';
import { codes, read } from './read.ts';

describe('SKIP REMAINING IF', () => {
  test.each([
    ['GIT_BRANCH!=master', ['GIT_BRANCH', '!=', 'master']],
    [
      'GIT_BRANCH!=master AND REPOSITORY_NAME !=~ "web"',
      ['GIT_BRANCH', '!=', 'master', 'REPOSITORY_NAME', '!=~', 'web'],
    ],
    ['GIT_COMMIT_TITLE =~ "\\[skip tests\\]"', ['GIT_COMMIT_TITLE', '=~', '\\[skip tests\\]']],
    ['GIT_BRANCH!=~^(master|dev)$', ['GIT_BRANCH', '!=~', '^(master|dev)$']],
    ['A=b', ['A', '=', 'b']],
    ['A = b', ['A', '=', 'b']],
    ['A= b', ['A', '=', 'b']],
    ['A =b', ['A', '=', 'b']],
    ["A='b c' AND D=''", ['A', '=', 'b c', 'D', '=', '']],
    ['A="x AND y" AND B=z', ['A', '=', 'x AND y', 'B', '=', 'z']],
    ['A=~~x AND B=!y', ['A', '=~', '~x', 'B', '=', '!y']],
    ['A=AND AND B="AND"', ['A', '=', 'AND', 'B', '=', 'AND']],
    ['A \\\n = \\\n b \\\n AND C=d', ['A', '=', 'b', 'C', '=', 'd']],
    ['A=ANDy', ['A', '=', 'ANDy']],
    ['ANDY=x', ['ANDY', '=', 'x']],
  ])('%s', (text, conditions) => {
    expect(read(`SKIP REMAINING IF ${text}`)).toEqual([['SKIP REMAINING IF', ...conditions]]);
    expect(codes(`SKIP REMAINING IF ${text}`)).toEqual([]);
  });

  test('AND in the wrong place', () => {
    const text = `SKIP REMAINING IF AND A=b
                  ~~~ misplaced-and
SKIP REMAINING IF A=b AND
                      ~~~ misplaced-and
SKIP REMAINING IF A=b AND AND C=d
                          ~~~ misplaced-and
SKIP REMAINING IF AND
                  ~~~ misplaced-and
SKIP REMAINING IF AND AND A=b AND
                  ~~~ misplaced-and
                      ~~~ misplaced-and
                              ~~~ misplaced-and
SKIP REMAINING IF A=b AND # C=d
                      ~~~ misplaced-and
SKIP REMAINING IF A=b and C=d
                      ~~~ condition-and
SKIP REMAINING IF A=b && C=d
                      ~~ condition-and`;
    expect(marked(text)).toBe(text);
    expect(read('SKIP REMAINING IF A=b && C=d')).toEqual([['SKIP REMAINING IF', 'A', '=', 'b', 'C', '=', 'd']]);
  });

  test('a piece that is missing or wrong, one report a condition', () => {
    const text = `SKIP REMAINING IF A=
                   ~ condition-value
SKIP REMAINING IF A !=~ AND B=c
                    ~~~ condition-value
SKIP REMAINING IF A = # c
                    ~ condition-value
SKIP REMAINING IF A
                  ~ condition-operator
SKIP REMAINING IF A is b AND C=d
                  ~ condition-operator
SKIP REMAINING IF =b
                  ~ condition-name
SKIP REMAINING IF $A=b
                  ~~ condition-name
SKIP REMAINING IF "A"=b
                  ~~~~~ condition-name
SKIP REMAINING IF A-B=c
                  ~~~ condition-name
SKIP REMAINING IF A==b
                   ~~ condition-operator
SKIP REMAINING IF A !~ b AND C<>d AND E<5
                    ~~ condition-operator
                              ~~ condition-operator
                                       ~ condition-operator
SKIP REMAINING IF A=b C=d
                      ~~~ condition-rest
SKIP REMAINING IF A =~ skip tests please
                            ~~~~~ condition-rest
SKIP REMAINING IF A=b OR C=d AND E=f
                      ~~ condition-rest
SKIP REMAINING IF A="b
                    ~ unclosed-quote`;
    expect(marked(text)).toBe(text);
    const instructions = parse({ path: 'Layerfile', text: unmarked(text) }).ast.lines;
    expect(instructions.map(({ kind }) => kind)).toEqual(instructions.map(() => 'skipRemainingIf'));
  });

  test('what is wrong leaves the other conditions as they are', () => {
    expect(read('SKIP REMAINING IF A == b AND C=d AND E AND =f AND G=')).toEqual([
      ['SKIP REMAINING IF', 'A', null, 'b', 'C', '=', 'd', 'E', null, null, 'G', '=', null],
    ]);
  });

  test.each([
    ['A==b', '== does not compare; did you mean =?'],
    ['A!~b', '!~ does not compare; did you mean !=~?'],
    ['A~b', '~ does not compare; did you mean =~?'],
    ['A>5', '> does not compare; use one of = != =~ !=~'],
    ['${GIT_BRANCH}=b', 'write the name of the variable without the dollar sign: GIT_BRANCH'],
    ['A=b or C=d', expect.stringContaining('conditions are joined by AND only')],
    ['A=', 'a value is missing after =; write "" for the empty one'],
  ])('%s says what to do', (text, message) => {
    const { diagnostics } = parse({ path: 'Layerfile', text: `SKIP REMAINING IF ${text}` });
    expect(diagnostics.map((one) => one.message)).toEqual([message]);
  });
});
