import { entry } from './entry.ts';

const meant = (near: string | null) => (near === null ? '' : `; did you mean ${near}?`);

/** What is wrong with an Earthfile. */
export const earthfileCatalog = {
  'earthfile/unclosed-quote': entry<{ quote: string }>({
    severity: 'error',
    message: ({ quote }) => `this ${quote} is not closed; close it, or write \\${quote} for the character itself`,
    explain: `A quote opens here and nothing closes it up to the end of the file. Quotes may run over line ends in an Earthfile, so
the one that is missing may stand further up. An apostrophe in a command is written \\' or stands inside "…".`,
  }),
  'earthfile/lone-backslash': entry<Record<never, never>>({
    severity: 'error',
    message: () => 'a backslash at the end of the file continues nothing; remove it',
    explain: 'A backslash continues a command on the next line. Here there is no next line.',
  }),
  'earthfile/late-equals': entry<Record<never, never>>({
    severity: 'error',
    message: () => 'a = in a value that a blank leads; write NAME=value, or put the value in quotes',
    explain:
      'ENV and ARG take `NAME=value` or `NAME value`. In the second form Earthly reads a later `=` as one that is out of place.',
  }),
  'earthfile/unknown-command': entry<{ word: string; near: string | null }>({
    severity: 'error',
    message: ({ word, near }) => `${word === '' ? 'this' : word} is not a command of Earthfiles${meant(near)}`,
    explain: 'The line is neither a command, nor a target (`name:` in the first column), nor a comment.',
  }),
  'earthfile/target-name': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) =>
      `${name} cannot name a target: a target is a lower-case letter, then letters, digits, \`.\` and \`-\``,
    explain:
      'Targets look like `unit-test:`, functions like `UNIT_TEST:`. Anything between the two is refused by Earthly.',
  }),
  'earthfile/missing-end': entry<{ keyword: string }>({
    severity: 'error',
    message: ({ keyword }) => `${keyword} has no END`,
    explain: 'IF, FOR, WAIT, TRY and WITH DOCKER open a block that END closes, on a line of its own.',
  }),
  'earthfile/stray-end': entry<Record<never, never>>({
    severity: 'error',
    message: () => 'END closes nothing; remove it',
    explain: 'Every END belongs to an IF, FOR, WAIT, TRY or WITH DOCKER before it in the same target.',
  }),
  'earthfile/stray-clause': entry<{ keyword: string }>({
    severity: 'error',
    message: ({ keyword }) => `${keyword} does not belong to the block it stands in`,
    explain: 'ELSE IF and ELSE belong to an IF (ELSE last), CATCH and FINALLY to a TRY (FINALLY last).',
  }),
  'earthfile/not-indented': entry<{ keyword: string; recipe: string }>({
    severity: 'error',
    message: ({ keyword, recipe }) => `${keyword} stands in the first column, but belongs to ${recipe}; indent it`,
    explain:
      'The commands of a target are indented (by four spaces, as a rule). Only the base recipe above the first target is not.',
  }),
  'earthfile/unexpected-indent': entry<{ keyword: string }>({
    severity: 'error',
    message: ({ keyword }) => `${keyword} is indented, but no target begins above it`,
    explain: 'Commands above the first target, the base recipe, stand in the first column.',
  }),
  'earthfile/uneven-indent': entry<{ keyword: string; blanks: number; expected: number }>({
    severity: 'warning',
    message: ({ keyword, blanks, expected }) => `${keyword} is indented by ${blanks}, its neighbours by ${expected}`,
    explain: 'Commands of one block are indented alike. Earthly takes this, but readers take it for another block.',
  }),
  'earthfile/no-version': entry<Record<never, never>>({
    severity: 'warning',
    message: () => 'the file has no VERSION; begin it with VERSION 0.8',
    explain:
      'Since Earthly 0.7 an Earthfile begins with VERSION. Without it, it is read as one of version 0.5, or refused.',
  }),
  'earthfile/version-not-first': entry<Record<never, never>>({
    severity: 'error',
    message: () => 'VERSION must be the first command of the file, and stand there once',
    explain: 'VERSION says how the rest of the file is read, so it comes first.',
  }),
  'earthfile/version-missing': entry<Record<never, never>>({
    severity: 'error',
    message: () => 'VERSION names no version; write VERSION 0.8',
    explain: 'The form is `VERSION [--<feature>…] <version>`.',
  }),
  'earthfile/unknown-version': entry<{ version: string }>({
    severity: 'error',
    message: ({ version }) => `there is no version ${version} (any more); write 0.8, the newest, or 0.7 or 0.6`,
    explain:
      'The version is that of the language, not of the tool that reads it. Earthly 0.8 and EarthBuild take 0.6, 0.7 and 0.8; 0.5 is gone.',
  }),
  'earthfile/unknown-feature': entry<{ flag: string; near: string | null }>({
    severity: 'error',
    message: ({ flag, near }) => `VERSION has no feature ${flag}${meant(near)}`,
    explain: 'Features are named as flags of VERSION, before the version: `VERSION --try 0.8`.',
  }),
  'earthfile/needs-feature': entry<{ what: string; feature: string }>({
    severity: 'error',
    message: ({ what, feature }) =>
      `${what} needs the feature ${feature}; add it to VERSION, or name a version that has it`,
    explain:
      'New parts of the language are off until VERSION names them, or a version that includes them: `VERSION --try 0.8`.',
  }),
  'earthfile/too-many-words': entry<{ form: string }>({
    severity: 'error',
    message: ({ form }) => `one word too many; the form is ${form}`,
    explain: 'The command takes fewer words than stand here.',
  }),
  'earthfile/missing-words': entry<{ form: string }>({
    severity: 'error',
    message: ({ form }) => `something is missing; the form is ${form}`,
    explain: 'The command does not have the words it needs.',
  }),
  'earthfile/unknown-flag': entry<{ flag: string; keyword: string; near: string | null }>({
    severity: 'error',
    message: ({ flag, keyword, near }) => `${keyword} has no flag ${flag}${meant(near)}`,
    explain:
      'Flags of a command stand before its other words. What belongs to a program comes after `--` or after the first word without a dash.',
  }),
  'earthfile/flag-without-value': entry<{ flag: string }>({
    severity: 'error',
    message: ({ flag }) => `${flag} needs a value: ${flag}=…`,
    explain: 'The flag takes a value, after `=` or as the next word.',
  }),
  'earthfile/unsupported-command': entry<{ keyword: string; instead: string }>({
    severity: 'error',
    message: ({ keyword, instead }) => `Earthfiles have no ${keyword}; ${instead}`,
    explain: 'ADD, SHELL, ONBUILD and STOPSIGNAL are commands of Dockerfiles that Earthfiles read and refuse.',
  }),
  'earthfile/variable-name': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} cannot name a variable: letters, digits and _, no digit first`,
    explain: 'ARG, ENV, LET and SET name a variable that commands see as $NAME.',
  }),
  'earthfile/required-default': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} is --required, so it cannot have a default; drop one of the two`,
    explain: 'ARG --required means that the caller gives the value.',
  }),
  'earthfile/duplicate-name': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} is defined twice; give one of the two another name`,
    explain: 'Each target and function of a file has a name of its own.',
  }),
  'earthfile/reserved-name': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} is the name of the recipe above the first target; use another`,
    explain: 'The commands above the first target are the base recipe, which +base refers to.',
  }),
  'earthfile/not-a-function': entry<{ name: string }>({
    severity: 'error',
    message: ({ name }) => `${name} is upper case like a function, but does not begin with FUNCTION`,
    explain: 'A function begins with FUNCTION (COMMAND before version 0.8). A target has a lower-case name.',
  }),
  'earthfile/stray-function': entry<{ keyword: string }>({
    severity: 'error',
    message: ({ keyword }) => `${keyword} stands only at the start of a function, whose name is upper case`,
    explain: 'FUNCTION (before 0.8: COMMAND) is the first command of a function and stands nowhere else.',
  }),
  'earthfile/base-only': entry<{ keyword: string }>({
    severity: 'error',
    message: ({ keyword }) => `${keyword} belongs above the first target`,
    explain: 'PROJECT is about the whole file, so it stands in the base recipe.',
  }),
  'earthfile/not-in-block': entry<{ keyword: string; block: string; allowed: string }>({
    severity: 'error',
    message: ({ keyword, block, allowed }) =>
      `${keyword} cannot stand in ${block}, which takes only ${allowed}; move it before or after the block`,
    explain: 'WITH DOCKER and TRY take a RUN, FINALLY takes SAVE ARTIFACT.',
  }),
  'earthfile/one-run': entry<{ block: string }>({
    severity: 'error',
    message: ({ block }) => `${block} takes one RUN; join the commands with &&`,
    explain: 'The block holds a single RUN; several commands go into it with && or ;.',
  }),
  'earthfile/before-from': entry<{ keyword: string }>({
    severity: 'error',
    message: ({ keyword }) => `${keyword} comes before FROM; begin with FROM, here or above the first target`,
    explain:
      'Most commands, and every $(…) and condition, run in a build environment, which FROM, FROM DOCKERFILE or LOCALLY begins.',
  }),
  'earthfile/unknown-reference': entry<{ name: string; kind: string; near: string | null }>({
    severity: 'error',
    message: ({ name, kind, near }) => `there is no ${kind} ${name} in this file${meant(near)}`,
    explain:
      '`+name` refers to a target (or with DO to a function) of the same file; those of others are `./dir+name`.',
  }),
  'earthfile/not-imported': entry<{ alias: string; near: string | null }>({
    severity: 'error',
    message: ({ alias, near }) => `${alias} is not imported${meant(near)}; for a directory write ./${alias}+…`,
    explain: '`alias+name` needs `IMPORT … AS alias` above it, in the target or in the base recipe.',
  }),
  'earthfile/cycle': entry<{ cycle: string }>({
    severity: 'error',
    message: ({ cycle }) => `a target needs itself: ${cycle}`,
    explain:
      'FROM, BUILD, COPY and WITH DOCKER --load build the target they name first; round in a circle none can begin.',
  }),
};
