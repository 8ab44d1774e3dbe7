import { entry } from './entry.ts';

/** What is wrong with the text of a line, before its meaning is looked at. */
export const syntaxCatalog = {
  'syntax/unknown-instruction': entry<{ word: string; near: string | null }>({
    severity: 'error',
    message: ({ word, near }) =>
      near === null ? `${word} is not an instruction` : `${word} is not an instruction; did you mean ${near}?`,
    explain: `The line does not begin with an instruction of the language. Instructions are upper case, and one stands on
each line; a line that goes on ends in a backslash. The line is ignored, and the next one is read as if it were not there.
\`layer --help instructions\` lists them.

    run npm install        write   RUN npm install
    EXPOSE WEBISTE 3000    write   EXPOSE WEBSITE 3000`,
  }),

  'syntax/foreign-instruction': entry<{ word: string; instead: string }>({
    severity: 'error',
    message: ({ word, instead }) => `${word} is not an instruction of Layerfiles: ${instead}`,
    explain: `Dockerfiles have this instruction (or another tool's files do), Layerfiles do not: a Layerfile builds a
virtual machine that runs, not an image to be run later. The message names what does its work here.

    CMD npm start          write   RUN BACKGROUND npm start
    ADD . /app             write   COPY . /app`,
  }),

  'syntax/incomplete-keyword': entry<{ word: string; goesOn: readonly string[] }>({
    severity: 'error',
    message: ({ word, goesOn }) => `${word} by itself is not an instruction; write ${goesOn.join(' or ')}`,
    explain: `Some keywords have several words: EXPOSE WEBSITE, EXPOSE TCP, BUILD ENV, SECRET ENV, SETUP FILE and
SKIP REMAINING IF. The line begins with the first word of one, but does not go on with the next.

    EXPOSE 3000            write   EXPOSE WEBSITE localhost:3000   or   EXPOSE TCP 3000`,
  }),

  'syntax/strange-blank': entry<{ character: string }>({
    severity: 'error',
    message: ({ character }) => `${character} is here where a space should be; type a space instead`,
    explain: `Only spaces and tabs separate words. A no-break space or another invisible character, often pasted from a web
page or a chat, looks like one but is a part of the word, so that the keyword is not recognised.`,
  }),

  'syntax/then': entry<Record<string, never>>({
    severity: 'error',
    message: () => 'THEN is no longer written before an instruction; drop the word',
    explain: `In 2019 an instruction could be written after THEN. The instruction is read as if the word were not there.

    THEN RUN npm test      write   RUN npm test`,
  }),

  'syntax/unclosed-quote': entry<{ quote: string }>({
    severity: 'error',
    message: ({ quote }) => `this ${quote} is not closed; close it on the same line, or quote it as ${wrapped(quote)}`,
    explain: `A quote opens anywhere in a word and closes at the next same one on the line, continuations included. This one
does not close, so everything up to the end of the line was read as one word. A backslash before a quote does not change it
(except in ENV, whose words the machine's shell reads).

    COPY "my file .        write   COPY "my file" .
    BUTTON and RUN read their text as it is, and need no quotes.`,
  }),

  'syntax/unclosed-substitution': entry<{ opener: string }>({
    severity: 'error',
    message: ({ opener }) => `this ${opener} is not closed; write its ${closers[opener] ?? 'end'} on the same line`,
    explain: `The words of ENV are read as bash reads them: $(…), \${…} and \`…\` hold a word together, and end at their own
closing character, which has to stand on the same line, continuations included.

    ENV DATE=$(date +%F    write   ENV DATE=$(date +%F)`,
  }),

  'syntax/nested-too-deeply': entry<{ deepest: number }>({
    severity: 'error',
    message: ({ deepest }) =>
      `quotes and substitutions nest more than ${deepest} deep here; compute the value in a script`,
    explain: `A word of ENV may hold substitutions inside substitutions, but not without limit. Put the computation into a
script in the repository, and call it: ENV VALUE=$(./value.sh).`,
  }),

  'syntax/double-backslash': entry<Record<string, never>>({
    severity: 'warning',
    message: () => 'two backslashes end this line: the first is text, the second continues the line; write one',
    explain: `A single backslash at the end of a line continues it. Of two, the first stays in the command, where the shell
takes it for an escape of the next character. Documentation that was escaped twice is full of these.`,
  }),

  'syntax/here-document': entry<{ delimiter: string }>({
    severity: 'error',
    message: ({ delimiter }) =>
      `a here-document cannot stand in a Layerfile; COPY the text up to ${delimiter} as a file, or write it with printf`,
    explain: `An instruction is one line, or several that end in a backslash, so that the lines of a here-document are not part
of the command. Put the text into a file of the repository and COPY it, or write it with printf.

    RUN printf '%s\\n' \\
        'first line' \\
        'second line' > file`,
  }),

  'syntax/condition-name': entry<{ typed: string | null }>({
    severity: 'error',
    message: ({ typed }) => {
      if (typed === null) return 'a condition begins with the name of a variable: NAME=value';
      const bare = /^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$/.exec(typed)?.[1];
      return bare === undefined
        ? `${typed} is not the name of a variable; a condition is NAME=value`
        : `write the name of the variable without the dollar sign: ${bare}`;
    },
    explain: `A condition of SKIP REMAINING IF compares a variable with a value: NAME, one of = != =~ !=~, and the value. The
name is letters, digits and underscores, without a dollar sign and without quotes.

    SKIP REMAINING IF $GIT_BRANCH = main    write   SKIP REMAINING IF GIT_BRANCH = main`,
  }),

  'syntax/condition-operator': entry<{ typed: string | null; name: string }>({
    severity: 'error',
    message: ({ typed, name }) => {
      if (typed === null) return `${name} is compared with nothing; write ${name}=value, with one of = != =~ !=~`;
      const meant = meantOperators[typed];
      return meant === undefined
        ? `${typed} does not compare; use one of = != =~ !=~`
        : `${typed} does not compare; did you mean ${meant}?`;
    },
    explain: `Conditions compare with = (equal), != (not equal), =~ (matches the regular expression) and !=~ (does not match).
There is no comparison of numbers, no "or" and no brackets: a regular expression says "or", a second SKIP REMAINING IF too.

    SKIP REMAINING IF GIT_BRANCH == main    write   SKIP REMAINING IF GIT_BRANCH = main`,
  }),

  'syntax/condition-value': entry<{ operator: string }>({
    severity: 'error',
    message: ({ operator }) => `a value is missing after ${operator}; write "" for the empty one`,
    explain: `The value that the variable is compared with is missing. A \`#\` that starts a word starts a comment, so that a
value with one in front has to be quoted.

    SKIP REMAINING IF PULL_REQUEST_URL =    write   SKIP REMAINING IF PULL_REQUEST_URL = ""`,
  }),

  'syntax/condition-rest': entry<{ word: string }>({
    severity: 'error',
    message: ({ word }) =>
      /^(OR|\|\|)$/i.test(word)
        ? `conditions are joined by AND only; for "or", write a second SKIP REMAINING IF, or a regular expression (=~ "^(a|b)$")`
        : `${word} does not belong to the condition before it; write AND between conditions, and quote a value with blanks`,
    explain: `After a condition comes AND or the end of the line. A value that holds blanks is quoted.

    SKIP REMAINING IF GIT_COMMIT_TITLE =~ skip tests      write   … =~ "skip tests"
    SKIP REMAINING IF GIT_BRANCH=main REPOSITORY_NAME=web write   … GIT_BRANCH=main AND REPOSITORY_NAME=web`,
  }),

  'syntax/condition-and': entry<{ typed: string }>({
    severity: 'error',
    message: ({ typed }) => `write AND instead of ${typed}`,
    explain: `Conditions of SKIP REMAINING IF are joined by the word AND in upper case.

    SKIP REMAINING IF A=1 && B=2    write   SKIP REMAINING IF A=1 AND B=2`,
  }),

  'syntax/misplaced-and': entry<{ place: 'leading' | 'doubled' | 'trailing' }>({
    severity: 'error',
    message: ({ place }) => {
      if (place === 'leading') return 'no condition stands before this AND; drop it, or write the condition';
      if (place === 'trailing') return 'no condition stands after this AND; drop it, or write the condition';
      return 'a second AND follows the first; drop it, or write the condition between them';
    },
    explain: `AND stands between two conditions of SKIP REMAINING IF: not before the first, not after the last, and not twice.

    SKIP REMAINING IF A=1 AND    write   SKIP REMAINING IF A=1`,
  }),

  'syntax/nul': entry<Record<string, never>>({
    severity: 'error',
    message: () => 'a NUL character stands here; no command, path or value can hold one',
    explain: `The file holds a NUL character (U+0000). It was probably saved in another encoding, such as UTF-16: save it as
UTF-8.`,
  }),

  'syntax/invisible-character': entry<{ character: string }>({
    severity: 'warning',
    message: ({ character }) =>
      `an invisible character (${character}) stands here; remove it, or write it as an escape`,
    explain: `A control character, a zero-width space or a character that turns the direction of writing is in the line. It
cannot be seen, and makes the line read otherwise than it looks. Where it is meant, write it as an escape: $'\\e' in bash.`,
  }),
};

const closers: Readonly<Record<string, string>> = { '$(': ')', '(': ')', '${': '}', '`': '`', "$'": "'" };

const meantOperators: Readonly<Record<string, string>> = {
  '==': '=',
  '===': '=',
  '!==': '!=',
  '<>': '!=',
  '!': '!=',
  '!~': '!=~',
  '~': '=~',
  '~=': '=~',
};

function wrapped(quote: string): string {
  return quote === '"' ? `'"'` : `"'"`;
}
