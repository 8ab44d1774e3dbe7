import { entry } from './entry.ts';

/** What is wrong in .layer/config.json. */
export const configCatalog = {
  'config/unreadable': entry<{ why: string }>({
    severity: 'error',
    message: ({ why }) => `.layer/config.json cannot be read: ${why}`,
    explain: `The configuration is there but could not be read: mend its permissions, or save it as UTF-8.`,
  }),
  'config/syntax': entry<{ what: string }>({
    severity: 'error',
    message: ({ what }) => `this is not JSON: ${what}`,
    explain: `.layer/config.json is plain JSON, without comments. An example:

    {
      "bases": { "vm/alpine:3.20": { "oci": "docker.io/library/alpine:3.20" } },
      "library": { "my-org/base:v1": "/ci/base/Layerfile" },
      "runners": { "default": "ubuntu-24.04", "16G": "ubuntu-24.04-16gb" }
    }`,
  }),
  'config/unknown-key': entry<{ key: string; near: string | null; known: readonly string[] }>({
    severity: 'error',
    message: ({ key, near, known }) =>
      near === null
        ? `"${key}" is not a key here; there are ${known.join(', ')}`
        : `"${key}" is not a key here; did you mean "${near}"?`,
    explain: `.layer/config.json has three keys, all optional: \`bases\` (names after \`vm/\` and the OCI image, tarball or directory
that each is made from), \`library\` (names like \`my-org/base:v1\` and the Layerfile of this repository that each stands for) and
\`runners\` (labels of hosted runners: \`default\`, and one for each size of MEMORY).`,
  }),
  'config/value': entry<{ wants: string }>({
    severity: 'error',
    message: ({ wants }) => `this must be ${wants}`,
    explain: `\`bases\` maps names like \`vm/alpine:3.20\` to {"oci": "<image reference>"}, {"tarball": "<path>"} or {"directory":
"<path>"}; paths are relative to the repository's root or absolute. \`library\` maps names like \`my-org/base:v1\` to the path of a
Layerfile of this repository. \`runners\` maps \`default\`, or sizes like \`16G\`, to a label or a list of labels.`,
  }),
  'config/library-missing': entry<{ path: string }>({
    severity: 'error',
    message: ({ path }) => `there is no Layerfile at ${path}`,
    explain: `A name in \`library\` stands for a Layerfile of this repository, given by its path from the root.`,
  }),
};
