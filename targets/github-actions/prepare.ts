import type { Layer } from '../../src/ir/ir.ts';
import { machinePackages } from '../../src/ir/machine-packages.ts';
import { shellWord } from '../shell/quote.ts';
import { uses } from './pins.ts';
import type { WorkflowStep } from './workflow.ts';

/** Where the shell lies in the repository, beside the workflow. */
export const shellPath = '.github/layer-sh';

/** Where the program lies that shows several websites under one port, where there are some. */
export const proxyPath = '.github/layer-proxy';

/** Checks the repository out beside the machine's own files: COPY takes from there. */
export const checkoutStep: WorkflowStep = {
  name: 'check the repository out',
  ...uses('actions/checkout'),
  with: {
    path: '__layer',
    ref: '${{ github.event.pull_request.head.sha || github.sha }}',
    'fetch-depth': 0,
    'persist-credentials': false,
  },
};

export interface Preparation {
  readonly chain: readonly Layer[];
  /** The job runs in an image that may lack what a base machine has. */
  readonly inContainer: boolean;
  readonly memoryBytes: number | null;
}

/** The steps before the first instruction: the repository, the shell, the variables. */
export function prepareSteps({ chain, inContainer, memoryBytes }: Preparation): readonly WorkflowStep[] {
  const vendored = new Map(
    chain.flatMap(({ repository }) => (repository.kind === 'own' ? [] : [[repository.root, repository] as const])),
  );
  const begin = ['bash "$GITHUB_WORKSPACE/__layer/.github/layer-sh" begin'];
  for (const { owner, name, commit } of vendored.values()) {
    begin.push(`layer-sh vendor ${[owner, name, commit].map(shellWord).join(' ')}`);
  }
  if (memoryBytes !== null) begin.push(`layer-sh memory ${memoryBytes}`);
  return [
    ...(inContainer ? [{ name: 'what a base machine has', shell: 'bash', run: packages }] : []),
    checkoutStep,
    { name: 'the machine before the first instruction', shell: 'bash', run: begin.join('\n') },
  ];
}

const packages = `for program in curl git gpg ip lsb_release pgrep python3 sudo unzip wget; do
  if ! command -v "$program" >/dev/null; then
    apt-get update -qq
    apt-get install -y -qq ${machinePackages
      .filter((name) => name !== 'bash')
      .toSorted()
      .join(' ')} >/dev/null
    break
  fi
done`;
