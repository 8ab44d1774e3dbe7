import { describe, expect, test } from 'vitest';
import { generateParser, ruleNames } from '../../grammar/parser.ts';

interface Module {
  parse(text: string): unknown;
}

async function compiled(grammar: string): Promise<Module> {
  const source = generateParser(grammar);
  return (await import(`data:text/javascript;base64,${Buffer.from(source).toString('base64')}`)) as Module;
}

const joints = 'Joint = "+" { return null; }\n';

describe('a generated parser', () => {
  test('reads a literal of several characters with continuations between them', async () => {
    const { parse } = await compiled(`Start = $("RUN" / "!=" / [a-z])\n${joints}`);
    expect(parse('RUN')).toBe('RUN');
    expect(parse('R+U++N')).toBe('R+U++N');
    expect(parse('!+=')).toBe('!+=');
    expect(() => parse('R-UN')).toThrow();
    expect(() => parse('+RUN')).toThrow();
  });

  test('keeps the case of a literal that has none', async () => {
    const { parse } = await compiled(`Start = $"THEN"i\n${joints}`);
    expect(parse('t+hEN')).toBe('t+hEN');
  });

  test('is refused where the grammar is wrong, with the place', () => {
    expect(() => generateParser('Start = Missing\n')).toThrow(/Missing/);
  });
});

test('the names of the rules', () => {
  expect([...ruleNames('Start = Joint*\nJoint = "+"\n')]).toEqual(['Start', 'Joint']);
});
