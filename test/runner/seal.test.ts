import { describe, expect, test } from 'vitest';
import { createMask } from '../../src/runner/input/mask.ts';
import { holdsSecret, seal, sealComputed, unseal } from '../../src/runner/seal.ts';
import type { SealedText } from '../../src/runner/state.ts';

const key = 'ab'.repeat(32);
const secrets = { TOKEN: 'canary-secret', LONGER: 'canary-secret-two', PIN: '12', EMPTY: '' };

describe('a sealed text', () => {
  test('holds names in the place of secrets, the longest first, and gives the text back', () => {
    const text = 'a canary-secret-two b canary-secret 12';
    const sealed = seal(text, secrets);
    expect(sealed).toEqual(['a ', { secret: 'LONGER' }, ' b ', { secret: 'TOKEN' }, ' 12']);
    expect(unseal(sealed, secrets, key)).toBe(text);
    expect(unseal(sealed, { TOKEN: 'rotated' }, key)).toBe('a  b rotated 12');
    expect([holdsSecret(sealed), holdsSecret(seal('plain', secrets))]).toEqual([true, false]);
  });

  test('of nothing is nothing', () => {
    expect(unseal(seal('', secrets), secrets, key)).toBe('');
  });
});

describe('a value of ENV', () => {
  const mask = createMask(Object.values(secrets));
  const sealed = (value: string, expression: string, env: Readonly<Record<string, SealedText>> = {}): SealedText =>
    sealComputed(value, { expression, secrets, env, mask: (text) => mask.text(text), key });
  const kindOf = (text: SealedText): string =>
    text
      .map((part) => (typeof part === 'string' ? part : 'secret' in part ? `<${part.secret}>` : '<encrypted>'))
      .join('');

  test.each([
    ['Bearer canary-secret', '"Bearer $TOKEN"', 'Bearer <TOKEN>'],
    ['canary-secret', '$(echo $TOKEN)', '<TOKEN>'],
    ['canary-secret', '$(cat /token)', '<TOKEN>'],
    ['pin-12 and 12', '"pin-$PIN and ${PIN}"', 'pin-<PIN> and <PIN>'],
    ['port 1212', '', 'port 1212'],
    ['12', '$PINS', '12'],
    ['v18', '$(node --version)', 'v18'],
    ['', '$EMPTY', ''],
  ])('%j of %s names the secrets in it', (value, expression, kept) => {
    expect(kindOf(sealed(value, expression))).toBe(kept);
  });

  test.each([
    ['encoded', Buffer.from('user:canary-secret').toString('base64'), '$(printf user:$TOKEN | base64)'],
    ['encoded by what names nothing', Buffer.from('user:canary-secret').toString('base64'), '$(./credentials)'],
    ['cut', 'canary', '${TOKEN:0:6}'],
    ['measured', '13', '${#TOKEN}'],
    ['turned round', 'terces-yranac', '$(rev <<< "$TOKEN")'],
    ['short and printed by a command', 'x12', '$(printenv PIN)'],
    ['short and not to be told from the rest', '1212:12', '1212:$PIN'],
  ])('one that is %s is encrypted', (_, value, expression) => {
    const kept = sealed(value, expression);
    expect(kindOf(kept)).toBe('<encrypted>');
    expect(JSON.stringify(kept)).not.toContain(value);
    expect(holdsSecret(kept)).toBe(true);
    expect(unseal(kept, {}, key)).toBe(value);
    expect(() => unseal(kept, {}, 'cd'.repeat(32))).toThrow();
  });

  test('that comes of another is kept as that one is', () => {
    const env = {
      HEADER: sealed('Bearer canary-secret', 'Bearer $TOKEN'),
      BASIC: sealed('dG9r', '$(base64 <<< $TOKEN)'),
    };
    expect(kindOf(sealed('-H Bearer canary-secret', '-H $HEADER', env))).toBe('-H Bearer <TOKEN>');
    expect(kindOf(sealed('QmVhcmVy', '$(base64 <<< $HEADER)', env))).toBe('<encrypted>');
    expect(kindOf(sealed('-H dG9r', '-H $BASIC', env))).toBe('<encrypted>');
  });

  test('is never encrypted twice to the same text', () => {
    expect(sealed('canary', '${TOKEN:0:6}')).not.toEqual(sealed('canary', '${TOKEN:0:6}'));
  });
});
