import { beforeAll, describe, expect, it } from 'vitest';
import { debianBase } from '../support/base-machine.ts';
import { checkout } from '../support/layer-run.ts';

const digest = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);

describe('layer pull', () => {
  beforeAll(async () => void (await debianBase()));

  it('leaves what was looked up lately as it is, and names each machine once', () => {
    const { layer, bash } = checkout({
      'a/Layerfile': 'FROM vm/debian:12\n',
      'b/Layerfile': 'FROM vm/debian:12\n',
      'c/Layerfile': 'FROM ../a\n',
    });
    expect(layer(['pull', '--older-than', '999w'])).toEqual({
      code: 0,
      said: expect.stringMatching(/^vm\/debian:12: [0-9a-f]{12}, as before\n$/),
    });
    const { code, said } = bash('layer pull --older-than 999w --json 2>/dev/null');
    expect(code).toBe(0);
    const { pulled } = JSON.parse(said) as { readonly pulled: readonly { digest: string; before: string }[] };
    expect(pulled).toEqual([{ name: 'vm/debian:12', digest, before: pulled[0]?.digest }]);
  });

  it('says what cannot be had', () => {
    const { layer } = checkout({
      Layerfile: 'FROM vm/mine:1\n',
      '.layer/config.json': '{"bases":{"vm/mine:1":{"directory":"nowhere"}}}',
    });
    expect(layer(['pull'])).toEqual({
      code: 3,
      said: expect.stringContaining('layer pull: vm/mine:1: there is no directory nowhere'),
    });
    expect(layer(['pull', '--older-than', 'soon'])).toMatchObject({ code: 64 });
    expect(layer(['pull', 'nowhere'])).toMatchObject({ code: 64 });
  });
});
