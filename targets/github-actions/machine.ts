import type { Layer, MachineName } from '../../src/ir/ir.ts';
import { images } from './pins.ts';

/** Where a base machine's jobs run: a runner's label, and a container where GitHub has no such runner. */
export interface RunsOn {
  readonly label: string;
  readonly image: string | null;
  /** How it differs from the machine asked for; null where it does not. */
  readonly difference: string | null;
}

/** `runner`: on GitHub's own machines where there are such; `container`: in a container of exactly the base machine's system. */
export type System = 'runner' | 'container';

const runner = (label: string): RunsOn => ({ label, image: null, difference: null });
const older = (version: string): RunsOn => ({
  ...runner('ubuntu-22.04'),
  difference: `GitHub has no runner with Ubuntu ${version} any more; the job runs on 22.04, or with --os=container in a container of ${version}`,
});

/** GitHub's own machines; the others are containers in any case. */
const runners: Readonly<Record<MachineName, RunsOn>> = {
  'vm/ubuntu:18.04': older('18.04'),
  'vm/ubuntu:20.04': older('20.04'),
  'vm/ubuntu:22.04': runner('ubuntu-22.04'),
  'vm/ubuntu:24.04': runner('ubuntu-24.04'),
};

/** Where the jobs of a chain run; null where GitHub has nothing for its base machine. */
export function machineOf([root]: readonly Layer[], system: System): RunsOn | null {
  if (root?.base.kind !== 'machine') return null;
  const { source, name } = root.base;
  switch (source.kind) {
    case 'known':
      return (system === 'runner' ? runners[name] : undefined) ?? containerOf(name, system);
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

function containerOf(machine: MachineName, system: System): RunsOn | null {
  const image = machine.slice('vm/'.length);
  if (!isPinned(image)) return null;
  const [distribution = '', version = ''] = image.split(':');
  const title = `${distribution.slice(0, 1).toUpperCase()}${distribution.slice(1)} ${version}`;
  const difference =
    system === 'runner' || !(machine in runners)
      ? `GitHub has no runner with ${title}; the job runs in a container of it, without systemd`
      : `the job runs in a container of ${title}, without systemd and Docker`;
  return { label: 'ubuntu-24.04', image: `${image}@${images[image]}`, difference };
}

function isPinned(image: string): image is keyof typeof images {
  return image in images;
}

function pinned(reference: string): string {
  return reference.includes('@sha256:') ? '' : ', which is not pinned to a digest in .layer/config.json';
}
