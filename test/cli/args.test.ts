import { describe, expect, expectTypeOf, test } from 'vitest';
import { choice, flag, number, readArgs, text, texts } from '../../src/cli/args.ts';

const shape = {
  options: {
    format: choice(['plain', 'json'], 'how'),
    'no-cache': flag('forget'),
    from: text('step', 'where'),
    secret: texts('NAME', 'which'),
    jobs: { ...number('n', 1, 'how many'), short: 'j' },
  },
  operands: { placeholder: 'path', help: 'a file', least: 0, most: 2 },
};
const read = (...typed: string[]) => readArgs(typed, shape);

describe('readArgs', () => {
  test('gives each option its value or what it has without one', () => {
    expect(read()).toEqual({
      options: { format: 'plain', 'no-cache': false, from: null, secret: [], jobs: null },
      operands: [],
    });
    expect(
      read('a', '--format', 'json', '--no-cache', '--from=x=y', '--secret', 'A', '--secret=B', '-j', '4', 'b'),
    ).toEqual({
      options: { format: 'json', 'no-cache': true, from: 'x=y', secret: ['A', 'B'], jobs: 4 },
      operands: ['a', 'b'],
    });
  });

  test('types what it gives', () => {
    const args = read();
    if ('problem' in args) throw new Error(args.problem);
    expectTypeOf(args.options.format).toEqualTypeOf<'plain' | 'json'>();
    expectTypeOf(args.options['no-cache']).toEqualTypeOf<boolean>();
    expectTypeOf(args.options.jobs).toEqualTypeOf<number | null>();
    expectTypeOf(args.options.secret).toEqualTypeOf<readonly string[]>();
  });

  test('takes what stands behind -- as operands', () => {
    expect(read('--', '--format', '-x')).toMatchObject({ operands: ['--format', '-x'] });
  });

  test.each([
    [['--fromat', 'x'], 'there is no option --fromat; did you mean --format?'],
    [['--zzzzzz'], 'there is no option --zzzzzz'],
    [['-z'], 'there is no option -z'],
    [['--constructor'], 'there is no option --constructor'],
    [['--format', 'jsn'], '--format cannot be "jsn"; did you mean json?'],
    [['--format', 'svg'], '--format cannot be "svg"; it can be plain or json'],
    [['--format'], '--format wants a value: --format plain|json'],
    [['--from', '--no-cache'], '--from wants a value: --from <step>'],
    [['--no-cache=yes'], '--no-cache takes no value'],
    [['--jobs', '0'], '--jobs wants a whole number, 1 or more; it has "0"'],
    [['--jobs', '1.5'], '--jobs wants a whole number, 1 or more; it has "1.5"'],
    [['--jobs='], '--jobs wants a whole number, 1 or more; it has ""'],
    [['a', 'b', 'c'], 'does not know what to do with "c"'],
  ])('%j: %s', (typed, problem) => {
    expect(read(...typed)).toEqual({ problem });
  });

  test('says which operand is missing, and takes none where there are none', () => {
    const wants = { options: {}, operands: { placeholder: 'step', help: 'which step is meant', least: 1, most: 1 } };
    expect(readArgs([], wants)).toEqual({ problem: 'wants step: which step is meant' });
    expect(readArgs(['x'], { options: {}, operands: null })).toEqual({ problem: 'does not know what to do with "x"' });
  });
});
