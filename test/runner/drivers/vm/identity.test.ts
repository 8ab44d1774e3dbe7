import { describe, expect, it } from 'vitest';
import type { MachineIdentity } from '../../../../src/runner/drivers/vm/identity.ts';
import { identityDifference } from '../../../../src/runner/drivers/vm/identity.ts';

const identity: MachineIdentity = {
  format: 1,
  qemu: '7.2.22',
  kernel: 'k',
  initramfs: 'i',
  disk: 'd',
  processor: null,
  facts: {
    board: 'microvm',
    accelerator: 'tcg',
    memoryBytes: 2 ** 30,
    cpus: 1,
    tscKhz: 2_596_098,
    kernelArguments: [],
  },
};

describe('the identity of a saved machine', () => {
  it('is the same where its counter was measured a little differently', () => {
    expect(identityDifference(identity, identity)).toBeNull();
    const again = { ...identity, facts: { ...identity.facts, tscKhz: 2_596_400 } };
    expect(identityDifference(identity, again)).toBeNull();
  });

  it('is another where anything differs that shows in the guest, and says what', () => {
    const { facts } = identity;
    const others: readonly (readonly [Partial<MachineIdentity>, string])[] = [
      [{ qemu: '8.0' }, 'its QEMU was 7.2.22 and is now 8.0'],
      [{ format: 2 }, 'its format was 1 and is now 2'],
      [{ kernel: 'x' }, 'its kernel was k and is now x'],
      [{ initramfs: 'x' }, 'its initramfs was i and is now x'],
      [{ disk: 'x' }, 'its base disk was d and is now x'],
      [{ processor: 'EPYC' }, 'its processor was emulated and is now EPYC'],
      [{ facts: { ...facts, accelerator: 'kvm' } }, 'its accelerator was tcg and is now kvm'],
      [{ facts: { ...facts, board: 'q35' } }, 'its board was microvm and is now q35'],
      [{ facts: { ...facts, cpus: 2 } }, 'its number of processors was 1 and is now 2'],
      [{ facts: { ...facts, memoryBytes: 2 ** 29 } }, 'its memory was 1073741824 bytes and is now 536870912 bytes'],
      [{ facts: { ...facts, kernelArguments: ['a'] } }, 'its kernel command line was the usual and is now a'],
      [{ facts: { ...facts, tscKhz: 3_000_000 } }, "this host's time stamp counter runs at 3000000 kHz, not 2596098"],
      [
        { facts: { ...facts, tscKhz: null } },
        "this host's time stamp counter runs at an unknown number of kHz, not 2596098",
      ],
    ];
    for (const [change, text] of others) expect(identityDifference(identity, { ...identity, ...change })).toBe(text);
  });
});
