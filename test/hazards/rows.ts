/** Where a row of the hazard table is proved; or why a sandbox cannot have it. Rows that scenarios name are not repeated here. */
export type Place = { readonly test: string } | { readonly notHere: string };

/** The rows of the table: H01 to H57, without the numbers it does not use. */
export const rows: readonly string[] = [...numbers(1, 8), ...numbers(10, 25), ...numbers(30, 38), ...numbers(40, 57)];

export const elsewhere: Readonly<Record<string, Place>> = {
  H03: { test: 'test/hazards/stores.host.test.ts' },
  H22: {
    notHere:
      'a restored machine has a mount and a page cache of its own; only a guest whose memory was saved keeps old pages',
  },
  H23: { test: 'test/runner/fuse/failures.host.test.ts' },
  H24: { test: 'test/runner/input/freeze.host.test.ts' },
  H25: { test: 'test/runner/input/repository.host.test.ts' },
  H31: { test: 'fixtures/run/secrets/steps.yml' },
  H34: { notHere: 'a sandbox saves no memory: every process asks the running kernel for its random numbers' },
  H36: {
    notHere:
      'no saved memory is bound to a processor, a kernel or a virtual machine; the driver and its format are in the key',
  },
  H42: { test: 'test/hazards/stores.host.test.ts' },
  H43: { test: 'fixtures/run/failed-step/steps.yml' },
  H44: {
    notHere:
      'there is no memory file to write into; what a store in use keeps is held by test/runner/stores/contract.ts',
  },
  H45: { notHere: 'no machine maps the memory of another' },
  H46: { test: 'test/runner/key.test.ts' },
  H47: { test: 'fixtures/run/skip-remaining/steps.yml' },
  H50: { test: 'fixtures/run/split/steps.yml' },
  H55: { test: 'test/oracle/play.ts' },
  H56: { test: 'test/runner/fuse/cuts.host.test.ts' },
  H57: { test: 'test/hazards/stores.host.test.ts' },
};

function numbers(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `H${String(from + index).padStart(2, '0')}`);
}
