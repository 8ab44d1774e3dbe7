import { entry } from './entry.ts';

/** What is allowed, but most likely not what was meant. Warnings, and one that only informs. */
export const lintCatalog = {
  'lint/bare-base': entry<{ source: string }>({
    severity: 'warning',
    message: ({ source }) =>
      `write FROM vm/${source}: a Layerfile builds a virtual machine, and names without vm/ are an old form`,
    explain: `Older Layerfiles say \`FROM ubuntu:18.04\` for what is \`FROM vm/ubuntu:18.04\` today. It is the same machine.`,
  }),
  'lint/late-memory': entry<object>({
    severity: 'warning',
    message: () => 'MEMORY counts for the whole Layerfile, also for the RUN above it; move it below FROM',
    explain: `A machine has one size, which it starts with. MEMORY further down is accepted, but reads as if the steps above it ran with
less.`,
  }),
  'lint/copy-after-background': entry<{ keyword: string }>({
    severity: 'warning',
    message: ({ keyword }) =>
      `a process runs in the background already and may have missed these files; move ${keyword} above its RUN BACKGROUND`,
    explain: `RUN BACKGROUND starts a process that stays up. Files that appear later are not what it started with, and where processes
cannot be saved it is started again on top of them: two runs may differ. COPY costs nothing, so put it above.`,
  }),
  'lint/directory-among-sources': entry<{ source: string; name: string; into: string }>({
    severity: 'warning',
    message: ({ source, name, into }) =>
      `${source} is a directory and lands as ${into}${name}; for its contents alone, give it a COPY of its own`,
    explain: `Among several sources a directory keeps its name: \`COPY pkg main.go ./\` makes ./pkg and ./main.go. (A Dockerfile would put
what is in pkg beside main.go.) A directory that is the only source brings its contents: \`COPY pkg ./\`.`,
  }),
  'lint/cache-over-copy': entry<{ path: string }>({
    severity: 'warning',
    message: ({ path }) =>
      `COPY fills ${path} too, and what CACHE kept from an earlier run is mixed with it; cache a directory that only tools write`,
    explain: `A CACHE path holds what earlier runs left there. Where COPY puts files of the repository into the same place, stale files
of other commits lie beside them, or over them. Cache directories of tools instead: ~/.npm, ~/.cache/go-build, /var/cache/apt.`,
  }),
  'lint/build-env': entry<{ name: string }>({
    severity: 'warning',
    message: ({ name }) =>
      `this does not run again when ${name} changes, because no BUILD ENV names it; put BUILD ENV ${name} above, or accept an older value`,
    explain: `A step runs again when a file changes that it read, or a variable that BUILD ENV names. A step that uses $GIT_BRANCH without
it is skipped on the next branch, and what it made still speaks of the first one. Name the variable as late as possible, right above
the step that uses it:

    BUILD ENV GIT_BRANCH
    RUN ./deploy.sh "$GIT_BRANCH"`,
  }),
  'lint/unnamed-secret': entry<{ name: string }>({
    severity: 'warning',
    message: ({ name }) => `${name} is a secret, and empty until SECRET ENV names it; put SECRET ENV ${name} above`,
    explain: `Predefined secrets are in the environment only below a SECRET ENV that names them, so that steps above it need not be kept
apart from runs that may not see them.`,
  }),
  'lint/git-copied': entry<{ source: string }>({
    severity: 'warning',
    message: ({ source }) =>
      `every commit changes what is in ${source}, so a step that asks git runs again each time; use GIT_COMMIT and its like with BUILD ENV`,
    explain: `COPY leaves .git out unless it is named, because HEAD, the index and the logs in it differ from commit to commit: what reads
them is never skipped. The commit, the branch and the tag are in $GIT_COMMIT, $GIT_BRANCH and $GIT_TAG.`,
  }),
  'lint/kept-value': entry<{ variable: string; name: string; instead: string | null }>({
    severity: 'warning',
    message: ({ variable, name, instead }) =>
      instead === null
        ? `${name} keeps the ${variable} of the run that computed it; put BUILD ENV ${variable} above, or use $${variable} itself in RUN`
        : `${name} keeps the ${variable} of the run that computed it; put BUILD ENV ${instead} above, or use $${variable} itself in RUN`,
    explain: `ENV computes a value once and keeps it with the snapshot: \`ENV X=$JOB_ID\` holds the number of the run that made the snapshot,
not of this one. Two ways out: \`BUILD ENV JOB_ID\` above computes it anew in each run (and runs all that follows again), or \`$JOB_ID\`
in the RUN that needs it, where it always is this run's.`,
  }),
  'lint/docker-terminal': entry<{ command: string; option: string }>({
    severity: 'warning',
    message: ({ command, option }) =>
      `${command} with ${option} asks for a terminal, and a RUN has none, so it fails; drop the t`,
    explain: `Steps run without a terminal: standard input is /dev/null. \`docker run -t\` and \`docker exec -it\` then stop with "the input
device is not a TTY". Without \`-t\` (and \`-i\`) they work; with \`-d\` nothing is said.`,
  }),
  'lint/work-after-secret': entry<{ command: string }>({
    severity: 'warning',
    message: ({ command }) =>
      `${command} does not seem to need the secret, but sees it and is kept with it; move SECRET ENV below`,
    explain: `From SECRET ENV on, every step has the secret, and every snapshot counts as one that may hold it: it is kept apart, for a
shorter time, and never shared with runs that may not see the secret. Do expensive work first, and name secrets as late as possible.`,
  }),
  'lint/shell-state-lost': entry<{ command: string; instead: string }>({
    severity: 'warning',
    message: ({ command, instead }) => `${command} ends with this RUN, so it changes nothing; ${instead}`,
    explain: `Each RUN is a shell of its own: neither its directory nor its variables outlive it. \`WORKDIR dir\` changes the directory for
all that follows, \`ENV NAME=value\` sets a variable; or put the commands that need it behind it with \`&&\`.`,
  }),
  'lint/ampersand': entry<{ background: 'run' | 'background' }>({
    severity: 'warning',
    message: ({ background }) =>
      background === 'run'
        ? 'write RUN BACKGROUND without the & to keep this running: nobody notices if it fails, and a restored snapshot lacks it'
        : 'drop the &: RUN BACKGROUND puts the command into the background itself, and with & it sees only the shell end',
    explain: `RUN BACKGROUND starts a process that stays up, fails the run if the process fails within two seconds, and starts it again
where a snapshot cannot hold processes. A process started with \`&\` has none of this.`,
  }),
  'lint/own-machine': entry<{ command: string; why: string }>({
    severity: 'info',
    message: ({ command, why }) => `${command} ${why}: it works on a virtual machine, and may not in the sandbox`,
    explain: `The sandbox shares the host's kernel and has no init of its own; a virtual machine has both. \`layer doctor\` says what this
host can do. What needs systemd needs a base that has it: an entry of .layer/config.json, such as
\`{"bases":{"vm/machine:1":{"tarball":"machine.tar"}}}\`. Targets that build containers, such as Earthfiles, cannot run this either.`,
  }),
};
