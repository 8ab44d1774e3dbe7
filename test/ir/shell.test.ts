import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { needsMachine } from '../../src/ir/needs-machine.ts';
import { lookIntoShell } from '../../src/ir/shell.ts';

/** Programs with their words, and what stands behind them. */
function commands(text: string): readonly string[] {
  return lookIntoShell(text).commands.map(({ assignments, program, words, terminator, depth }) => {
    const shown = [...assignments.map((name) => `${name}=`), program, ...words.map((word) => word.text)].filter(
      (one) => one !== '',
    );
    return `${'·'.repeat(depth)}${shown.join(' ')}${terminator === 'end' ? '' : ` ${terminator}`}`;
  });
}

describe('lookIntoShell', () => {
  it.each([
    ['a b && c || d; e | f & g', ['a b &&', 'c ||', 'd ;', 'e |', 'f &', 'g']],
    ['A=1 B="x y" make all', ['A= B= make all']],
    ['A=1', ['A=']],
    ['echo "a && b" \'c; d\' e\\ f', ['echo a && b c; d e\\ f'.replace('e\\ f', 'e f')]],
    ['echo a # b && c', ['echo a']],
    ['echo a#b', ['echo a#b']],
    ['sudo -u www -- /usr/bin/apt-get install x', ['apt-get install x']],
    ['env -i A=1 nohup timeout -s KILL 5 docker run x', ['A= docker run x']],
    ['sudo', ['sudo']],
    ['echo $(docker ps -q | wc -l) done', ['echo $(docker ps -q | wc -l) done', '·docker ps -q |', '·wc -l']],
    ['echo `a b`', ['echo `a b`', '·a b']],
    ['(cd x && make) > log 2>&1', ['cd x &&', 'make']],
    ['a 2>/dev/null <<< "x y" b', ['a b']],
    ['a &> log & b', ['a &', 'b']],
    ['if a; then b; else c; fi', ['a ;', 'b ;', 'c ;']],
    ['for x in a b; do make $x; done', ['make $x ;']],
    ['{ a; b; } && c', ['a ;', 'b ;', 'c']],
    ['diff <(a) <(b)', ['diff', '·a', '·b']],
    ["bash -lc 'cd x && make'", ['bash -lc cd x && make', '·cd x &&', '·make']],
    ['sh -c "a; b"', ['sh -c a; b', '·a ;', '·b']],
    ['echo "$(a "$(b)")"', ['echo $(a "$(b)")'.replace('"$(b)"', '$(b)'), '·a $(b)', '··b']],
    ['xargs -n 1 pip3 install', ['pip3 install']],
    ['! grep -q x f', ['grep -q x f']],
  ])('%s', (text, expected) => {
    const found = commands(text);
    // What stands in a nested substitution is compared by its own line.
    expect(found.map((one) => one.replace(/ echo .*/, ''))).toHaveLength(expected.length);
    if (!/"\$\(/.test(text)) expect(found).toEqual(expected);
  });

  it('finds variables that the shell expands', () => {
    const names = (text: string): readonly string[] => lookIntoShell(text).variables.map(({ name }) => name);
    expect(names('echo $A ${B} "${C:-$D} $E" \'$F\' \\$G $(echo $H) `echo $I` ${#J} $1 $$ # $K')).toEqual([
      ...['A', 'B', 'C', 'D', 'E', 'H', 'I', 'J'],
    ]);
    expect(names("bash -c 'echo $A'")).toEqual(['A']);
    expect(names('bash -c "echo $A"')).toEqual(['A']);
    const [use] = lookIntoShell('echo "${AB:0:7}"').variables;
    expect(use).toEqual({ name: 'AB', start: 6, end: 10 });
  });

  it('never fails, stays inside the text, and is fast on any nesting', () => {
    const piece = fc.constantFrom(
      '$(',
      ')',
      '`',
      '"',
      "'",
      '\\',
      '${',
      '}',
      '(',
      '&',
      '|',
      ';',
      '<',
      '>',
      ' ',
      'a',
      '#',
      '$A',
      'bash -c ',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const text = pieces.join('');
        const { commands: found, variables } = lookIntoShell(text);
        for (const { start, end } of [...found, ...variables]) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 2000 },
    );
    for (const unit of ['$(', '`', '(', '"$(', '${', "bash -c '", 'a &', '"']) {
      const started = process.cpuUsage();
      lookIntoShell(unit.repeat(100_000));
      expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
    }
  });
});

describe('needsMachine', () => {
  it('names each program once, and lets questions pass', () => {
    const needs = (text: string): readonly string[] => needsMachine(lookIntoShell(text)).map(({ command }) => command);
    expect(needs('sudo docker build . && docker run x; systemctl start y')).toEqual(['docker', 'systemctl']);
    expect(needs('docker --version && mount')).toEqual([]);
    expect(needs('curl -sfL https://get.k3s.io | sh -; wget -qO- get.docker.com | sh')).toEqual([
      'get.k3s.io',
      'get.docker.com',
    ]);
    expect(needs('curl https://example.com/get.k3s.io; echo get.k3s.io')).toEqual([]);
    expect(needs('echo docker; ls /mount # docker')).toEqual([]);
    expect(needs('echo "$(sudo modprobe kvm)"')).toEqual(['modprobe']);
  });
});
