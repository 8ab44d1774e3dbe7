import type { Job } from './workflow.ts';

/** A Layerfile's jobs. `endsEarly`: the first of them, where a SKIP REMAINING IF can keep the others away though all is well. */
export interface MergedJobs {
  readonly name: string;
  readonly needs: readonly string[];
  readonly endsEarly: string | null;
}

/**
 * The one check that stands for a Layerfile with LABEL status=merge: it fails unless every job it needs succeeded. A list of what is allowed, because
 * GitHub counts a skipped check as passed.
 */
export function mergeJob({ name, needs, endsEarly }: MergedJobs): Job {
  const result = (id: string): string =>
    endsEarly === null || id === endsEarly
      ? `needs.${id}.result`
      : `needs.${endsEarly}.outputs.skip == 'true' && needs.${endsEarly}.result || needs.${id}.result`;
  return {
    comment: null,
    name,
    needs,
    if: 'always()',
    'runs-on': 'ubuntu-24.04',
    'timeout-minutes': 5,
    permissions: {},
    steps: [
      {
        name: 'every job succeeded',
        shell: 'bash',
        env: { RESULTS: needs.map((id) => `\${{ ${result(id)} }}`).join(' ') },
        run: gateScript,
      },
    ],
  };
}

const gateScript = `for result in $RESULTS; do
  if [ "$result" != success ]; then
    echo "::error::a job ended with $result"
    exit 1
  fi
done`;
