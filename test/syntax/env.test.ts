import { describe, expect, test } from 'vitest';
import { marked } from './marked.ts';
import { codes, read } from './read.ts';

describe('ENV splits its words as bash does, and keeps them as they stand', () => {
  test.each([
    ['A=b C=d', ['A=b', 'C=d']],
    ['A b', ['A', 'b']],
    ['PATH=$HOME/bin:$PATH', ['PATH=$HOME/bin:$PATH']],
    ['PATH="/x y:${PATH}" B=c', ['PATH="/x y:${PATH}"', 'B=c']],
    [`A='x y' B="z 'w'"`, [`A='x y'`, `B="z 'w'"`]],
    ['A=x\\ y B=z', ['A=x\\ y', 'B=z']],
    ['A="x \\" y" B=z', ['A="x \\" y"', 'B=z']],
    ["A='x\\' B=z", ["A='x\\'", 'B=z']],
    ["A='it'\\''s fine' B=z", ["A='it'\\''s fine'", 'B=z']],
    ["A=$'it\\'s fine' B=z", ["A=$'it\\'s fine'", 'B=z']],
    ['A=$"x y" B=z', ['A=$"x y"', 'B=z']],
    ['A=`date +"%F %T"` B=z', ['A=`date +"%F %T"`', 'B=z']],
    ['A=`echo \\`echo x\\` y` B=z', ['A=`echo \\`echo x\\` y`', 'B=z']],
    ['A=$(date +%F) B=z', ['A=$(date +%F)', 'B=z']],
    ['A=$(echo $(echo x y) z) B=z', ['A=$(echo $(echo x y) z)', 'B=z']],
    ['A="$(echo "x y" \'z)\')" B=z', ['A="$(echo "x y" \'z)\')"', 'B=z']],
    ['A=$( (echo x); echo y ) B=z', ['A=$( (echo x); echo y )', 'B=z']],
    ['A=$((1 + (2 << 3))) B=z', ['A=$((1 + (2 << 3)))', 'B=z']],
    ['A=${B:-x y} C=z', ['A=${B:-x y}', 'C=z']],
    ['A=${B:-"}" x} C=z', ['A=${B:-"}" x}', 'C=z']],
    ['A="${B:-it\'s}" C=z', ['A="${B:-it\'s}"', 'C=z']],
    ['A=${B:-$(echo x y)} C=z', ['A=${B:-$(echo x y)}', 'C=z']],
    ['A=`echo $(` B=c)', ['A=`echo $(`', 'B=c)']],
    ['A=$$${B:-x y}$$(C D=e', ['A=$$${B:-x y}$$(C', 'D=e']],
    ['A=$ B=$$ C=$1 D=a) E=(b', ['A=$', 'B=$$', 'C=$1', 'D=a)', 'E=(b']],
    ['A=~/bin:~/lib', ['A=~/bin:~/lib']],
    ['A="b \\\n  c" D=e', ['A="b   c"', 'D=e']],
    ['A=b\\\n  C=d', ['A=b', 'C=d']],
    ['A=b \\\n# C=d\n  E=f', ['A=b', 'E=f']],
    ['A="" B=', ['A=""', 'B=']],
    ['A="b # c" D=e#f # g', ['A="b # c"', 'D=e#f']],
  ])('%s', (text, words) => {
    expect(read(`ENV ${text}`)).toEqual([['ENV', ...words]]);
    expect(codes(`ENV ${text}`)).toEqual([]);
  });

  test('what is not closed is reported once, where it explains most, and the words before it stand', () => {
    const text = `ENV A="b C=d
      ~ unclosed-quote
ENV A=b C='d
          ~ unclosed-quote
ENV A=\`b C=d  
      ~ unclosed-substitution
ENV A=$(b C=d
      ~~ unclosed-substitution
ENV A="$(b" C=d
       ~~ unclosed-substitution
ENV A=$(b 'c) D=e
      ~~ unclosed-substitution
ENV A=\${b C=d
      ~~ unclosed-substitution
ENV A=$'b C=d
      ~~ unclosed-substitution
ENV A="\${b'}" C=d
       ~~ unclosed-substitution
ENV A=$((1 + 2) C=d
      ~~ unclosed-substitution`;
    expect(marked(text)).toBe(text);
    expect(read('ENV A=b C="d e \\\n \t\nENV B=c')).toEqual([
      ['ENV', 'A=b', 'C="d e'],
      ['ENV', 'B=c'],
    ]);
  });

  test('nesting has a limit', () => {
    const nested = (depth: number): string => `ENV A=${'$('.repeat(depth)}x${')'.repeat(depth)} B=c`;
    expect(read(nested(50))[0]?.slice(2)).toEqual(['B=c']);
    expect(codes(nested(50))).toEqual([]);
    expect(codes(nested(51))).toEqual(['syntax/nested-too-deeply']);
  });
});
