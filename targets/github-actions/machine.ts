import type { Layer, MachineName } from '../../src/ir/ir.ts';
import { images } from './pins.ts';

/** Where a base machine's jobs run: a runner's label, and a container where GitHub has no such runner. */
export interface RunsOn {
  readonly label: string;
  readonly image: string | null;
  /** How it differs from the machine asked for; null where it does not. */
  readonly difference: string | null;
}

const container = (image: keyof typeof images, name: string): RunsOn => ({
  label: 'ubuntu-24.04',
  image: `${image}@${images[image]}`,
  difference: `GitHub has no runner with ${name}; the job runs in a container of it, without systemd`,
});
const older = (version: string): RunsOn => ({
  label: 'ubuntu-22.04',
  image: null,
  difference: `GitHub has no runner with Ubuntu ${version} any more; the job runs on 22.04`,
});

const runners: Readonly<Record<MachineName, RunsOn>> = {
  'vm/ubuntu:18.04': older('18.04'),
  'vm/ubuntu:20.04': older('20.04'),
  'vm/ubuntu:22.04': { label: 'ubuntu-22.04', image: null, difference: null },
  'vm/ubuntu:24.04': { label: 'ubuntu-24.04', image: null, difference: null },
  'vm/debian:12': container('debian:12', 'Debian 12'),
  'vm/debian:13': container('debian:13', 'Debian 13'),
};

/** Where the jobs of a chain run; null where GitHub has nothing for its base machine. */
export function machineOf([root]: readonly Layer[]): RunsOn | null {
  if (root?.base.kind !== 'machine') return null;
  const { source, name } = root.base;
  switch (source.kind) {
    case 'known':
      return runners[name] ?? null;
    case 'oci':
      return {
        label: 'ubuntu-24.04',
        image: source.reference,
        difference: `GitHub has no runner with ${name}; the job runs in a container of ${source.reference}${pinned(source.reference)}`,
      };
    case 'tarball':
    case 'directory':
      return null;
  }
}

function pinned(reference: string): string {
  return reference.includes('@sha256:') ? '' : ', which is not pinned to a digest in .layer/config.json';
}
