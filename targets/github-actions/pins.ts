import type { WorkflowStep } from './workflow.ts';

/** An action at a commit; the tag is for people. */
interface Pin {
  readonly commit: string;
  readonly tag: string;
}

/** Every action that emitted workflows use. `layer compile --target github --print-pins` prints them and how to look for newer ones. */
export const actions = {
  'actions/checkout': { commit: '3d3c42e5aac5ba805825da76410c181273ba90b1', tag: 'v7.0.1' },
  'actions/cache/restore': { commit: '27d5ce7f107fe9357f9df03efb73ab90386fccae', tag: 'v5.0.5' },
  'actions/cache/save': { commit: '27d5ce7f107fe9357f9df03efb73ab90386fccae', tag: 'v5.0.5' },
  'actions/upload-artifact': { commit: 'bbbca2ddaa5d8feaa63e36b76fdaad77386f024f', tag: 'v7.0.0' },
  'actions/download-artifact': { commit: '3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c', tag: 'v8.0.1' },
  'aws-actions/configure-aws-credentials': { commit: 'e6de054238d6b7531b4efff3b6587d9aade6a06c', tag: 'v6.2.3' },
} as const satisfies Readonly<Record<string, Pin>>;

/** The images of base machines, for jobs in containers, by digest of the index of all architectures. */
export const images = {
  'ubuntu:18.04': 'sha256:152dc042452c496007f07ca9127571cb9c29697f42acbfad72324b2bb2e43c98',
  'ubuntu:20.04': 'sha256:8feb4d8ca5354def3d8fce243717141ce31e2c428701f6682bd2fafe15388214',
  'ubuntu:22.04': 'sha256:962f6cadeae0ea6284001009daa4cc9a8c37e75d1f5191cf0eb83fe565b63dd7',
  'ubuntu:24.04': 'sha256:80dd3c3b9c6cecb9f1667e9290b3bc61b78c2678c02cbdae5f0fea92cc6734ab',
  'debian:12': 'sha256:8a8cd02c5912770b4980228a54d4aff9e4f986f1eb2525d2d371dec5232cefcc',
  'debian:13': 'sha256:35b8ff74ead4880f22090b617372daff0ccae742eb5674455d542bef71ef1999',
} as const;

/** `uses` of a pinned action, with its tag as comment. */
export function uses(action: keyof typeof actions): Pick<WorkflowStep, 'usesComment'> & { readonly uses: string } {
  const pin = actions[action];
  return { uses: `${action}@${pin.commit}`, usesComment: pin.tag };
}

/** What is pinned, and the commands that tell which newer versions there are, to be run where they can be reached. */
export function pinsReport(): string {
  const rows = Object.entries(actions).map(([action, { commit, tag }]) => `${action}@${commit} # ${tag}`);
  const pinned = [...rows, ...Object.entries(images).map(([image, digest]) => `${image}@${digest}`)];
  const repositories = new Set(Object.keys(actions).map((action) => action.split('/').slice(0, 2).join('/')));
  const commands = [
    ...[...repositories].map(
      (one) => `git ls-remote --tags --sort=-version:refname https://github.com/${one} 'v*' | head -n 4`,
    ),
    ...Object.keys(images).map((image) => `docker buildx imagetools inspect ${image}`),
  ];
  return `${pinned.join('\n')}\n\n# newer ones, where these can be reached:\n${commands.join('\n')}\n`;
}
