import { entry } from './entry.ts';

/** What compiling for Earthly finds. */
export const earthlyCatalog = {
  'earthly/no-image': entry<{ base: string }>({
    severity: 'error',
    message: ({ base }) =>
      `Earthly starts from images, and ${base} is none; use one of vm/ubuntu, vm/debian, or an OCI image`,
    explain: `A base machine that is a tarball or a directory cannot be the FROM of an Earthfile; \`layer run\` takes it.
Publish it as an image, and name that in .layer/config.json.`,
  }),
  'earthly/memory': entry<Record<never, never>>({
    severity: 'warning',
    message: () => 'Earthly knows no MEMORY; the steps have what its BuildKit daemon has',
    explain:
      'The memory of a build is that of the machine on which BuildKit runs; no command of an Earthfile changes it.',
  }),
  'earthly/not-a-machine': entry<{ program: string }>({
    severity: 'warning',
    message: ({ program }) => `${program} needs a machine, and Earthly has containers: it will most likely fail`,
    explain: `A step of an Earthfile runs in a container: no systemd, no kernel of its own, no mounts. \`layer run\` and \`layer
compile --target github\` have machines.`,
  }),
};
