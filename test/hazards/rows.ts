/** Where a row of the hazard table is proved. Rows that scenarios name are not repeated here. */
export interface Place {
  readonly test: string;
}

/** The rows of the table: H01 to H57, without the numbers it does not use. */
export const rows: readonly string[] = [...numbers(1, 8), ...numbers(10, 25), ...numbers(30, 38), ...numbers(40, 57)];

export const elsewhere: Readonly<Record<string, Place>> = {
  H03: { test: 'test/hazards/stores.host.test.ts' },
  // Only a guest whose memory was saved keeps old pages.
  H22: { test: 'test/hazards/virtual-machine.host.test.ts' },
  H23: { test: 'test/runner/fuse/failures.host.test.ts' },
  H24: { test: 'test/runner/input/freeze.host.test.ts' },
  H25: { test: 'test/runner/input/repository.host.test.ts' },
  H31: { test: 'fixtures/run/secrets/steps.yml' },
  // A sandbox saves no memory: what only saved memory can have is proved on virtual machines.
  H34: { test: 'test/hazards/virtual-machine.host.test.ts' },
  H36: { test: 'test/hazards/virtual-machine.host.test.ts' },
  H42: { test: 'test/hazards/stores.host.test.ts' },
  H43: { test: 'fixtures/run/failed-step/steps.yml' },
  H44: { test: 'test/hazards/virtual-machine.host.test.ts' },
  H45: { test: 'test/hazards/virtual-machine.host.test.ts' },
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
