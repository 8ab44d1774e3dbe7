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

/**
 * Scenarios of the table that are always played on virtual machines too, beside those of what a restored kernel knows: of each row at least one edit that
 * must rerun and one that must not, and whatever comes to something else there.
 */
export const onMachines: readonly string[] = [
  'static-program',
  'io-uring',
  'copy-file-range',
  'descriptor-carried-along',
  'reads-everything',
  'absent-file',
  'not-a-directory',
  'kind-of-what-is-copied-scandir',
  'unsorted-order',
  'size-only',
  'same-size-same-mtime',
  'times-and-inodes',
  'link-retargeted',
  'destination-through-a-link-of-the-repository',
  'moved-to-another-place',
  'deleted-then-tested',
  'destination-taken-away',
  'hard-links-of-what-is-copied',
  'copied-under-a-process',
  'tree-after-a-swap',
  'two-processes-race',
  'variable-without-build-env',
  'time-and-chance',
  'devices-made-by-a-step',
  'hosts-edited-by-a-step',
  'setup-file',
  'cache-of-a-file-in-a-new-directory',
  'cache-and-byte-code',
  'repeatable-after-a-revert',
  'comments-and-blanks',
  'process-left-running',
  'source-known-to-the-machine-only',
];

function numbers(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `H${String(from + index).padStart(2, '0')}`);
}
