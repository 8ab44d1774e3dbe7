import { entry } from './entry.ts';

/** What is wrong with files before anything in them is read. */
export const fileCatalog = {
  'file/none': entry<{ root: string }>({
    severity: 'error',
    message: ({ root }) => `there is no Layerfile in ${root}; write one, for example at its root`,
    explain: `No file named \`Layerfile\` was found. Looked for everywhere in the repository but in .git, node_modules, .layer and
what git ignores. The smallest useful one:

    FROM vm/ubuntu:22.04
    COPY . .
    RUN ./test.sh`,
  }),
  'file/no-such-layerfile': entry<{ path: string; near: string | null }>({
    severity: 'error',
    message: ({ path, near }) => `there is no Layerfile at ${path}${near === null ? '' : `; did you mean ${near}?`}`,
    explain: `A path given on the command line names neither a Layerfile of this repository nor a directory that holds one.
Paths that git ignores, and those in node_modules and .layer, are not looked into.`,
  }),
  'file/is-directory': entry<object>({
    severity: 'error',
    message: () => 'this is a directory; Layerfile is the name of a file, so rename the directory',
    explain: `Every path whose last part is \`Layerfile\` is read as a Layerfile. A directory of that name cannot be; give it
another name, or let .gitignore name it.`,
  }),
  'file/unreadable': entry<{ why: string }>({
    severity: 'error',
    message: ({ why }) => `this Layerfile cannot be read: ${why}`,
    explain: `The file is there but could not be read: it may belong to another user, be a link to nothing, or be something other
than a file. Mend its permissions (\`chmod u+r\`), or remove it.`,
  }),
  'file/not-utf8': entry<{ what: string }>({
    severity: 'error',
    message: ({ what }) => `this Layerfile is ${what}; save it as UTF-8`,
    explain: `Layerfiles are UTF-8 text. A file in another encoding can be converted, for example with
\`iconv -f latin1 -t utf-8 Layerfile\`.`,
  }),
  'file/link-outside': entry<{ target: string }>({
    severity: 'error',
    message: ({ target }) => `this is a link to ${target}, which is outside the repository; put the file itself here`,
    explain: `A Layerfile that is a symbolic link must lead to a file of the same repository: what lies outside is not part of the
commit, so nobody else would build the same machine.`,
  }),
};
