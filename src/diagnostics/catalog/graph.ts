import { entry } from './entry.ts';

/** How Layerfiles hang together: FROM, WAIT, and what holds along a chain. */
export const graphCatalog = {
  'from/missing': entry<object>({
    severity: 'error',
    message: () => 'the first instruction must be FROM; put a line like FROM vm/ubuntu:22.04 above it',
    explain: `Every Layerfile begins with one FROM: a base machine (\`FROM vm/ubuntu:22.04\`) or another Layerfile to go on from
(\`FROM /base\`). Only comments and empty lines may stand above it.`,
  }),
  'from/empty-file': entry<object>({
    severity: 'error',
    message: () => 'this Layerfile has no instructions; begin it with a line like FROM vm/ubuntu:22.04',
    explain: `A Layerfile needs at least a FROM, which says where its machine starts.`,
  }),
  'from/second': entry<object>({
    severity: 'error',
    message: () => 'a Layerfile has one FROM; remove this one, or put what follows into a Layerfile of its own',
    explain: `Unlike a Dockerfile, a Layerfile has no stages: it is one machine. To build on a machine in two ways, write two
Layerfiles with the same FROM.`,
  }),
  'from/not-first': entry<object>({
    severity: 'error',
    message: () => 'FROM must be the first instruction; move it to the top',
    explain: `The machine starts at FROM, so nothing can happen before it. Only comments and empty lines may stand above it.`,
  }),
  'from/one-source': entry<{ source: string }>({
    severity: 'error',
    message: ({ source }) => `FROM takes one word and no comment; write FROM ${source}`,
    explain: `There are no stages to name (\`AS build\`) and no options. In FROM, \`#\` is text: put a comment on a line of its own.`,
  }),
  'from/unknown': entry<{ source: string; near: string | null }>({
    severity: 'error',
    message: ({ source, near }) =>
      near === null
        ? `${source} names neither a base machine nor a Layerfile; write vm/<name>:<version>, a path like /base or ../base, or <org>/<name>:<tag>`
        : `${source} names neither a base machine nor a Layerfile; did you mean ${near}?`,
    explain: `FROM takes, in this order of looking:
  vm/<name>:<version>                                   a base machine: vm/ubuntu:22.04, vm/debian:12
  github/<owner>/<repo>/<path>/Layerfile@<commit>       a Layerfile of another repository
  /dir, ./dir, ../dir, with or without /Layerfile       a Layerfile of this repository
  <org>/<name>:<tag>                                    a name of the Layerfile library, from .layer/config.json`,
  }),
  'from/unresolved': entry<{ source: string; what: string; near: string | null }>({
    severity: 'error',
    message: ({ source, what, near }) => `${source} ${what}${near === null ? '' : `; did you mean ${near}?`}`,
    explain: `The word is well formed, but what it names is not here: a base machine that nobody knows, a library name that
.layer/config.json does not map, or another repository's Layerfile that has not been fetched into .layer/vendor. The note under the
message has the entry to add or the command to run.`,
  }),
  'from/ambiguous-commit': entry<{ commit: string; count: number }>({
    severity: 'error',
    message: ({ commit, count }) => `${count} fetched commits begin with ${commit}; write more of it`,
    explain: `An abbreviated commit must stand for one directory in .layer/vendor/<owner>/<repo>.`,
  }),
  'from/github-form': entry<{ source: string; wants: string }>({
    severity: 'error',
    message: ({ source, wants }) => `${source} ${wants}; write github/<owner>/<repo>/<path>/Layerfile@<commit>`,
    explain: `A Layerfile of another repository is named by owner, repository, its path, and the commit (7 to 40 hexadecimal digits):
\`FROM github/my-org/machines/base/Layerfile@130d951b92c9\`. A branch or tag is not enough: it would change under you.`,
  }),
  'from/no-such-layerfile': entry<{ path: string; near: string | null }>({
    severity: 'error',
    message: ({ path, near }) =>
      `there is no ${path} in the repository${near === null ? '' : `; did you mean ${near}?`}`,
    explain: `\`/dir\` is a directory from the repository's root, \`./dir\` and \`../dir\` are relative to this Layerfile's own
directory; \`/Layerfile\` at the end may be left out.`,
  }),
  'from/outside': entry<{ source: string }>({
    severity: 'error',
    message: ({ source }) => `${source} leads out of the repository`,
    explain: `A parent Layerfile must be part of the repository. To share one between repositories, use the library (\`my-org/base:v1\`) or
\`github/<owner>/<repo>/<path>/Layerfile@<commit>\`.`,
  }),
  'graph/cycle': entry<{ cycle: string }>({
    severity: 'error',
    message: ({ cycle }) => `this goes round in a circle: ${cycle}`,
    explain: `A Layerfile can neither start from nor wait for itself, not even by way of others: it would never begin. Take one FROM or
WAIT of the circle out.`,
  }),
  'graph/wait-missing': entry<{ path: string; near: string | null }>({
    severity: 'error',
    message: ({ path, near }) =>
      `there is no ${path} in the repository${near === null ? '' : `; did you mean ${near}?`}`,
    explain: `WAIT names directories that hold a Layerfile, or Layerfiles themselves, from the root (\`/tests\`) or relative to this
Layerfile's directory (\`../tests\`).`,
  }),
  'graph/wait-outside': entry<{ source: string }>({
    severity: 'error',
    message: ({ source }) => `${source} leads out of the repository; WAIT waits for Layerfiles of this repository`,
    explain: `WAIT names Layerfiles of the same repository, from its root (\`/tests\`) or relative to this Layerfile's directory.`,
  }),
  'graph/second-split': entry<object>({
    severity: 'error',
    message: () => 'this machine is split already; a chain of Layerfiles has one SPLIT',
    explain: `SPLIT duplicates the machine, and a duplicate cannot be split again, neither in the same file nor in a child. Multiply the
numbers (\`SPLIT 6\` for two times three), and derive both indices from $SPLIT.`,
  }),
  'graph/memory-grows': entry<{ child: string; parent: string | null }>({
    severity: 'warning',
    message: ({ child, parent }) =>
      parent === null
        ? `the parent's steps are built again with ${child}, because it says no MEMORY; put MEMORY ${child} into the parent`
        : `the parent's steps are built again, because ${child} is more than its ${parent}; put MEMORY ${child} into the parent`,
    explain: `A machine's memory is fixed when it starts. A child that needs more than its parents say cannot go on from their snapshot:
their steps run again, on a larger machine. Say the size in the parent, and both share the snapshot.`,
  }),
  'graph/expose-twice': entry<{ what: string }>({
    severity: 'error',
    message: ({ what }) => `${what} is exposed already in this chain of Layerfiles; give this one another`,
    explain: `A request goes to the EXPOSE with the longest path that its own path starts with, so two with the same path would leave it
open which one answers. Parents count: their EXPOSE stays in force in children.`,
  }),
};
