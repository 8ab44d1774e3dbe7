import { argumentCatalog } from './argument.ts';
import { entry } from './entry.ts';

/** The rules of single instructions. */
export const languageCatalog = {
  ...argumentCatalog,
  'language/missing-argument': entry<{ keyword: string; form: string }>({
    severity: 'error',
    message: ({ keyword, form }) => `${keyword} needs more; its form is ${form}`,
    explain: `The instruction lacks an argument. \`layer --help instructions\` shows all forms with an example each.`,
  }),
  'language/empty-argument': entry<{ keyword: string; form: string }>({
    severity: 'error',
    message: ({ keyword, form }) => `${keyword} cannot take an empty word; its form is ${form}`,
    explain: `Two quotes with nothing between them are an empty word, which names no file, variable or directory. Write the name, or drop
the quotes.`,
  }),
  'language/extra-argument': entry<{ keyword: string; form: string }>({
    severity: 'error',
    message: ({ keyword, form }) => `${keyword} does not take this; its form is ${form}`,
    explain: `The instruction has more arguments than it takes. A value with blanks in it wants quotes: \`WORKDIR "/my dir"\`.`,
  }),
  'language/copy-destination': entry<{ destination: string }>({
    severity: 'error',
    message: ({ destination }) => `with several sources the destination is a directory; write ${destination}`,
    explain: `With two sources or more (a glob counts as several, whatever it matches) the destination must end in \`/\`, or be \`.\`,
so that a reader sees that it is a directory.`,
  }),
  'language/copy-option': entry<{ keyword: string; option: string }>({
    severity: 'error',
    message: ({ keyword, option }) =>
      `${keyword} has no options; drop ${option} (what is copied belongs to root, and the group has the owner's rights)`,
    explain: `Dockerfiles have \`COPY --from\`, \`--chown\` and others. A Layerfile has no stages to copy from (use FROM to go on from
another Layerfile), and every user may write what is copied, because all of them are members of the group root. A file whose name
begins with two dashes is written \`./--name\`.`,
  }),
  'language/copy-outside': entry<{ source: string }>({
    severity: 'error',
    message: ({ source }) => `${source} leads out of the repository; only its own files can be copied`,
    explain: `A relative source is relative to the Layerfile's directory, an absolute one is from the repository's root. What lies outside
is not part of the commit. To take files of another repository, use CLONE.`,
  }),
  'language/copy-missing': entry<{ path: string; near: string | null }>({
    severity: 'error',
    message: ({ path, near }) =>
      `there is no ${path} in the repository${near === null ? '' : `; did you mean ${near}?`}`,
    explain: `Each source of COPY must exist when the run starts. A relative one is looked for in the Layerfile's own directory, one with a
leading \`/\` from the repository's root.`,
  }),
  'language/copy-no-match': entry<{ pattern: string }>({
    severity: 'error',
    message: ({ pattern }) => `nothing in the repository matches ${pattern}`,
    explain: `A glob must match something: \`*\` and \`?\` match within a name, \`[a-z]\` one character, \`**\` any number of
directories.`,
  }),
  'language/copy-never': entry<{ source: string }>({
    severity: 'error',
    message: ({ source }) => `${source} is this tool's own directory, which is never copied`,
    explain: `\`.layer\` holds the tool's configuration, fetched Layerfiles and state. Keep what a machine needs somewhere else.`,
  }),
  'language/clone-url': entry<{ url: string }>({
    severity: 'error',
    message: ({ url }) => `${url} is not a repository's URL; write it in full, like https://github.com/my-org/library`,
    explain: `CLONE takes a URL (\`https://\`, \`ssh://\`, \`git://\`, \`file://\`), the short form of ssh (\`git@host:path\`), or an
absolute path.`,
  }),
  'language/clone-default': entry<{ problem: 'twice' | 'empty' }>({
    severity: 'error',
    message: ({ problem }) =>
      problem === 'twice' ? 'DEFAULT= is given already; keep one' : 'DEFAULT= needs a branch, like DEFAULT=main',
    explain: `\`DEFAULT=branch\` says which branch to take where the other repository lacks the run's own. It may stand anywhere after CLONE,
once.`,
  }),
  'language/env-name': entry<{ name: string; near: string | null }>({
    severity: 'error',
    message: ({ name, near }) =>
      near === null
        ? `${name} is not a variable's name; use letters, digits and _, and no digit first`
        : `${name} is not a variable's name; write ${near}`,
    explain: `Names of environment variables are made of letters, digits and underscores, and do not begin with a digit. ENV takes pairs:
\`ENV NAME=value OTHER="two words"\`, without blanks around \`=\`.`,
  }),
  'language/env-no-value': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} has no value; write ${name}=value, or ${name}= for the empty one`,
    explain: `A word without \`=\` is a name, and the next word is its value: \`ENV NAME value\`. Values with blanks want quotes:
\`ENV NAME="two words"\`.`,
  }),
  'language/env-words': entry<{ name: string; quoted: string }>({
    severity: 'error',
    message: ({ name, quoted }) => `the value of ${name} is one word; write ${name}=${quoted}`,
    explain: `In \`ENV NAME value\` the value is one word, and what follows is the next name: \`ENV A b C d\` sets A and C. A value with
blanks wants quotes: \`ENV JAVA_OPTS="-Xms1g -Xmx2g"\`.`,
  }),
  'language/names-only': entry<{ keyword: string; name: string }>({
    severity: 'error',
    message: ({ keyword, name }) => `${keyword} takes only the name; write ${name}`,
    explain: `BUILD ENV and SECRET ENV name variables, without \`$\` and without a value. ENV gives values
(\`ENV NAME=value\`); secrets get theirs on the command line, never in a Layerfile.`,
  }),
  'language/build-env-unknown': entry<{ name: string; near: string | null }>({
    severity: 'error',
    message: ({ name, near }) =>
      `no variable ${name} is set here${near === null ? '; set it above with ENV, or name a secret above with SECRET ENV' : `; did you mean ${near}?`}`,
    explain: `BUILD ENV names a predefined variable, one that ENV set above, or a secret that SECRET ENV named above; parents count. Anything
else would never change, so nothing would ever run again because of it.`,
  }),
  'language/build-env-host': entry<object>({
    severity: 'error',
    message: () => 'BUILD ENV cannot name EXPOSE_WEBSITE_HOST; SUBDOMAIN changes with it and may be named',
    explain: `EXPOSE_WEBSITE_HOST is the same in every run of a runner and branch. To run steps again for each branch, name SUBDOMAIN.`,
  }),
  'language/build-env-secret': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} is a secret; put SECRET ENV ${name} above this line`,
    explain: `A secret becomes part of the cache key only where the Layerfile uses it: SECRET ENV first, then BUILD ENV.`,
  }),
  'language/checkpoint-name': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} cannot be a checkpoint's name; use letters, digits, _, - and .`,
    explain: `\`CHECKPOINT deploy\` names a snapshot so that commands can refer to it; \`CHECKPOINT disabled\` takes none from here on.`,
  }),
  'language/checkpoint-disabled': entry<{ name: string }>({
    severity: 'warning',
    message: ({ name }) => `this takes a snapshot and names it ${name}; did you mean CHECKPOINT disabled?`,
    explain: `Only the very word \`disabled\` turns snapshots off; any other word is a name.`,
  }),
  'language/split-count': entry<{ text: string }>({
    severity: 'error',
    message: ({ text }) => `${text} is not a number of copies; write a whole number from 1 to 10000`,
    explain: `\`SPLIT 5\` duplicates the machine: five copies, each with its number in $SPLIT (from 0) and 5 in $SPLIT_NUM. The number must
stand in the Layerfile itself.`,
  }),
  'language/label-form': entry<{ text: string }>({
    severity: 'error',
    message: ({ text }) => `${text} is not a label; write display_name=…, status=merge or status=hidden`,
    explain: `LABEL takes pairs without blanks around \`=\`: \`LABEL display_name=unit-tests status=merge\`.`,
  }),
  'language/label-key': entry<{ key: string; near: string | null }>({
    severity: 'error',
    message: ({ key, near }) =>
      `${key} is not a label${near === null ? '; there are display_name and status' : `; did you mean ${near}?`}`,
    explain: `There are two labels: \`display_name\`, which names the runner, and \`status\`, which is \`merge\` (the copies of a SPLIT are
reported as one) or \`hidden\` (not reported).`,
  }),
  'language/label-value': entry<{ key: string; value: string; near: string | null }>({
    severity: 'error',
    message: ({ key, value, near }) =>
      key === 'status'
        ? `status is merge or hidden, not ${value === '' ? 'nothing' : value}${near === null ? '' : `; did you mean ${near}?`}`
        : `a display_name is made of letters, digits, _ and -${near === null ? '' : `; write ${near}`}`,
    explain: `\`display_name\` becomes the runner's id, so it holds letters, digits, \`_\` and \`-\` only. \`status\` is \`merge\` or
\`hidden\`.`,
  }),
  'language/memory-size': entry<{ text: string; near: string | null }>({
    severity: 'error',
    message: ({ text, near }) =>
      `${text} is not a size${near === null ? '; write a number and K, M or G, like 2G' : `; write ${near}`}`,
    explain: `MEMORY takes a whole number of bytes, or one with the unit K, M or G (1024 each): \`MEMORY 512M\`, \`MEMORY 2G\`.`,
  }),
  'language/memory-twice': entry<object>({
    severity: 'error',
    message: () => 'MEMORY is said already in this Layerfile; keep one, at the top',
    explain: `A Layerfile's machine has one size, for the whole file: two MEMORY would leave it open which one counts.`,
  }),
  'language/skip-unknown': entry<{ name: string; near: string | null }>({
    severity: 'error',
    message: ({ name, near }) =>
      `no variable ${name} is known here${near === null ? '; SKIP REMAINING IF compares predefined variables and those that ENV set above' : `; did you mean ${near}?`}`,
    explain: `SKIP REMAINING IF may name what BUILD ENV may, except secrets: predefined variables such as GIT_BRANCH, and those that ENV set
above, in this Layerfile or a parent.`,
  }),
  'language/skip-secret': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} is a secret, and a condition would give it away; compare something else`,
    explain: `Whether a Layerfile is skipped is visible to everyone, so conditions cannot look at secrets.`,
  }),
  'language/skip-host': entry<object>({
    severity: 'error',
    message: () => 'SKIP REMAINING IF cannot name EXPOSE_WEBSITE_HOST; compare SUBDOMAIN or GIT_BRANCH',
    explain: `SKIP REMAINING IF may name what BUILD ENV may. EXPOSE_WEBSITE_HOST follows from the branch: compare that.`,
  }),
  'language/regex': entry<{ what: string }>({
    severity: 'error',
    message: ({ what }) => what,
    explain: `The expression after \`=~\` and \`!=~\` is read by different programs on different targets, so it is limited to what RE2,
PCRE and JavaScript read alike: characters, \`.\`, sets like \`[a-z]\`, \`\\d \\w \\s \\b\`, \`* + ? {2,3}\`, groups \`(…)\` and \`(?:…)\`,
\`|\`, \`^\` and \`$\`. It matches anywhere in the value: anchor it with \`^\` and \`$\` to match the whole.`,
  }),
  'language/user-name': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} cannot be a user's name; use letters, digits, _ and -, and no digit first`,
    explain: `USER takes the name of one user, who is created if missing and always is a member of the group root. There are no numbers
and no groups (\`1000:1000\`).`,
  }),
  'language/aws-command': entry<{ command: string; near: string | null }>({
    severity: 'error',
    message: ({ command, near }) =>
      `AWS ${command} is not known${near === null ? '; there is only AWS link --region=<region>' : `; did you mean AWS ${near}?`}`,
    explain: `\`AWS link --region=us-east-1\` puts the credentials and the region into the environment from here on. It is the only command.`,
  }),
  'language/aws-option': entry<{ option: string; near: string | null }>({
    severity: 'error',
    message: ({ option, near }) =>
      `${option} is not an option of AWS link${near === null ? '; there is only --region=<region>' : `; did you mean ${near}?`}`,
    explain: `\`AWS link\` takes one option: \`--region=us-east-1\`, or \`--region us-east-1\`.`,
  }),
  'language/aws-region': entry<object>({
    severity: 'error',
    message: () => 'AWS link needs a region; write AWS link --region=us-east-1',
    explain: `The region is not guessed: \`AWS link --region=us-east-1\`.`,
  }),
  'language/expose-host': entry<{ text: string; near: string | null }>({
    severity: 'error',
    message: ({ text, near }) =>
      near === null
        ? `${text} is not a server in the machine; write localhost:<port>`
        : `${text} is not a server in the machine; write ${near}`,
    explain: `What is exposed runs in the machine itself: \`EXPOSE WEBSITE localhost:3000\`, with \`https://\` in front where it speaks TLS, or
just the port. The path it answers for is a word of its own: \`EXPOSE WEBSITE localhost:3000 /api\`.`,
  }),
  'language/port': entry<{ text: string; near: string | null }>({
    severity: 'error',
    message: ({ text, near }) =>
      `${text === '' ? 'nothing' : text} is not a port; ${near === null ? 'ports go from 1 to 65535' : `write ${near}`}`,
    explain: `A port is a whole number from 1 to 65535: \`EXPOSE TCP 5432\`, or \`EXPOSE TCP 15432 5432\` to be reached at 15432 from outside.`,
  }),
};
