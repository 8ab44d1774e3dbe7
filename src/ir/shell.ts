/**
 * A look into shell commands, for lints and for targets that must know what a RUN calls. It reads words, quotes, operators, nested
 * substitutions and the script of `bash -c '…'`, after the Shell Command Language of POSIX, and leaves out what a lint needs not:
 * here-documents and `case` patterns. It never fails; time is linear in the text.
 */
export interface ShellLook {
  /** All simple commands, nested ones included, in the order in which they begin. */
  readonly commands: readonly SimpleCommand[];
  /** All uses of variables (`$NAME`, `${NAME…}`) that a shell would expand. */
  readonly variables: readonly VariableUse[];
}

export interface SimpleCommand {
  /** Names assigned in front of the program, or as the whole command (`A=1 B=2 make`). */
  readonly assignments: readonly string[];
  /** The program as called: wrappers such as `sudo -u x` and `env` left out, no directory; empty where only assignments stand. */
  readonly program: string;
  /** What follows the program. */
  readonly words: readonly ScriptWord[];
  /** What stands after the command. */
  readonly terminator: '&&' | '||' | ';' | '|' | '&' | 'end';
  /** How many substitutions, groups and subshells it stands in. */
  readonly depth: number;
  /** Offsets in the text. */
  readonly start: number;
  readonly end: number;
}

export interface ScriptWord {
  /** Without its quotes; expansions stay as written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface VariableUse {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Reads a command line. */
export function lookIntoShell(text: string): ShellLook {
  const scanner = new Scanner(text);
  scanner.script(0, text.length, null, 0);
  scanner.commands.sort((a, b) => a.start - b.start);
  scanner.variables.sort((a, b) => a.start - b.start);
  return { commands: scanner.commands, variables: scanner.variables };
}

/** Deeper nesting is read as plain text. */
const depthLimit = 50;

const openers = new Set([
  'if',
  'then',
  'elif',
  'else',
  'while',
  'until',
  'do',
  '{',
  '!',
  'time',
  'fi',
  'done',
  'esac',
  '}',
]);
const headers = new Set(['for', 'case', 'select', 'function']);

/** Programs that run the program that follows, and their options that take a word. */
const wrappers: ReadonlyMap<string, { readonly withWord: ReadonlySet<string>; readonly operands: number }> = new Map([
  [
    'sudo',
    {
      withWord: new Set(['-u', '-g', '-h', '-p', '-C', '-D', '-R', '-T', '--user', '--group', '--chdir']),
      operands: 0,
    },
  ],
  ['doas', { withWord: new Set(['-u', '-C']), operands: 0 }],
  ['env', { withWord: new Set(['-u', '-C', '--unset', '--chdir']), operands: 0 }],
  ['nohup', { withWord: new Set(), operands: 0 }],
  ['setsid', { withWord: new Set(), operands: 0 }],
  ['exec', { withWord: new Set(['-a']), operands: 0 }],
  ['command', { withWord: new Set(), operands: 0 }],
  ['builtin', { withWord: new Set(), operands: 0 }],
  ['nice', { withWord: new Set(['-n']), operands: 0 }],
  ['ionice', { withWord: new Set(['-c', '-n']), operands: 0 }],
  ['stdbuf', { withWord: new Set(['-i', '-o', '-e']), operands: 0 }],
  ['timeout', { withWord: new Set(['-s', '-k', '--signal', '--kill-after']), operands: 1 }],
  ['xargs', { withWord: new Set(['-n', '-I', '-P', '-L', '-d', '-s', '-a', '-E']), operands: 0 }],
]);

const shells = new Set(['bash', 'sh', 'dash', 'zsh', 'ash']);

class Scanner {
  readonly commands: SimpleCommand[] = [];
  readonly variables: VariableUse[] = [];
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** Reads commands from `at` up to `limit` or the closing character; gives the offset behind it. */
  script(at: number, limit: number, close: ')' | '`' | null, depth: number): number {
    let words: ScriptWord[] = [];
    let header = false;
    const finish = (terminator: SimpleCommand['terminator']): void => {
      if (!header) this.command(words, terminator, depth);
      words = [];
      header = false;
    };
    let groups = 0;
    while (at < limit) {
      const character = this.text[at] ?? '';
      const next = this.text[at + 1] ?? '';
      if (character === '\n' || character === ';') {
        finish(';');
        at += 1;
      } else if (character === ' ' || /\s/.test(character)) at += 1;
      else if (character === '#') {
        const end = this.text.indexOf('\n', at);
        at = end < 0 || end > limit ? limit : end;
      } else if (character === '&' && next === '&') {
        finish('&&');
        at += 2;
      } else if (character === '&' && next === '>') at = this.redirection(at + 1, limit, depth);
      else if (character === '&') {
        finish('&');
        at += 1;
      } else if (character === '|') {
        finish(next === '|' ? '||' : '|');
        at += next === '|' || next === '&' ? 2 : 1;
      } else if (character === close && (close === '`' || groups === 0)) {
        finish('end');
        return at + 1;
      } else if (character === '(') {
        finish('end');
        groups += 1;
        at += 1;
      } else if (character === ')') {
        finish('end');
        groups = Math.max(0, groups - 1);
        at += 1;
      } else if (character === '<' || character === '>') at = this.redirection(at, limit, depth);
      else {
        const end = this.word(at, limit, close, depth);
        const raw = this.text.slice(at, end);
        const follow = this.text[end];
        const descriptor = /^\d+$/.test(raw) && (follow === '<' || follow === '>');
        if (words.length === 0 && openers.has(raw)) {
          // A keyword: the command proper follows.
        } else if (words.length === 0 && !header && headers.has(raw)) header = true;
        else if (!descriptor && !header) words.push({ text: unquote(raw), start: at, end });
        at = end;
      }
    }
    finish('end');
    return limit;
  }

  /** Reads past a redirection and its word. */
  private redirection(at: number, limit: number, depth: number): number {
    if (this.text[at + 1] === '(' && depth < depthLimit) return this.script(at + 2, limit, ')', depth + 1);
    while (at < limit && /[<>&|-]/.test(this.text[at] ?? '')) at += 1;
    while (at < limit && /[ \t]/.test(this.text[at] ?? '')) at += 1;
    return at < limit && !/[\n;|&()]/.test(this.text[at] ?? '') ? this.word(at, limit, null, depth) : at;
  }

  /** Gives the offset behind the word at `at`; records what is nested in it. */
  private word(at: number, limit: number, close: ')' | '`' | null, depth: number): number {
    const start = at;
    const plain = /[^\s;&|<>()'"\\$`]+/y;
    while (at < limit) {
      plain.lastIndex = at;
      if (plain.test(this.text)) at = Math.min(limit, plain.lastIndex);
      if (at >= limit) break;
      const character = this.text[at] ?? '';
      if (/[\s;&|<>()]/.test(character) || (character === '`' && close === '`')) break;
      if (character === "'") {
        const end = this.text.indexOf("'", at + 1);
        at = end < 0 || end >= limit ? limit : end + 1;
      } else if (character === '"') at = this.doubleQuoted(at + 1, limit, close, depth);
      else if (character === '\\') at = Math.min(limit, at + 2);
      else if (character === '$' || character === '`') at = this.expansion(at, limit, depth);
      else at += 1;
    }
    return Math.max(at, start + 1);
  }

  private doubleQuoted(at: number, limit: number, close: ')' | '`' | null, depth: number): number {
    const plain = /[^"\\$`]+/y;
    while (at < limit) {
      plain.lastIndex = at;
      if (plain.test(this.text)) at = plain.lastIndex;
      if (at >= limit) return limit;
      const character = this.text[at] ?? '';
      if (character === '"') return at + 1;
      if (character === '`' && close === '`') return at;
      if (character === '\\') at += 2;
      else if (character === '$' || character === '`') at = this.expansion(at, limit, depth);
      else at += 1;
    }
    return limit;
  }

  /** What stands at a `$` or a backtick. */
  private expansion(at: number, limit: number, depth: number): number {
    const rest = this.text[at + 1] ?? '';
    if (this.text[at] === '`') return depth < depthLimit ? this.script(at + 1, limit, '`', depth + 1) : at + 1;
    if (rest === '(') return depth < depthLimit ? this.script(at + 2, limit, ')', depth + 1) : at + 2;
    const name = /[A-Za-z_][A-Za-z0-9_]*/y;
    name.lastIndex = rest === '{' ? at + (/[#!]/.test(this.text[at + 2] ?? '') ? 3 : 2) : at + 1;
    const match = name.exec(this.text);
    if (match === null) return at + (rest === '{' ? 2 : 1);
    const end = name.lastIndex + (rest === '{' && this.text[name.lastIndex] === '}' ? 1 : 0);
    if (end > limit) return limit;
    this.variables.push({ name: match[0], start: at, end });
    return end;
  }

  private command(all: readonly ScriptWord[], terminator: SimpleCommand['terminator'], depth: number): void {
    const [first] = all;
    const last = all.at(-1);
    if (first === undefined || last === undefined) return;
    const { assignments, rest } = withoutWrappers(all);
    const [program, ...words] = rest;
    const name = program?.text.replace(/^.*\//s, '') ?? '';
    this.commands.push({ assignments, program: name, words, terminator, depth, start: first.start, end: last.end });
    if (!shells.has(name) || depth >= depthLimit) return;
    const flag = words.findIndex((word) => /^-[a-z]*c$/.test(word.text));
    const script = flag < 0 ? undefined : words[flag + 1];
    const quote = script === undefined ? '' : (this.text[script.start] ?? '');
    if (script !== undefined && (quote === "'" || quote === '"') && this.text[script.end - 1] === quote) {
      const seen = this.variables.length;
      this.script(script.start + 1, script.end - 1, null, depth + 1);
      // Double quotes were looked into already, as part of the word.
      if (quote === '"') this.variables.length = seen;
    }
  }
}

function withoutWrappers(words: readonly ScriptWord[]): {
  readonly assignments: readonly string[];
  readonly rest: readonly ScriptWord[];
} {
  const assignments: string[] = [];
  let at = 0;
  const takeAssignments = (): void => {
    for (; at < words.length; at += 1) {
      const match = /^([A-Za-z_][A-Za-z0-9_]*)\+?=/.exec(words[at]?.text ?? '');
      if (match === null) return;
      assignments.push(match[1] ?? '');
    }
  };
  takeAssignments();
  for (;;) {
    const wrapper = wrappers.get((words[at]?.text ?? '').replace(/^.*\//s, ''));
    if (wrapper === undefined || at === words.length - 1) return { assignments, rest: words.slice(at) };
    at += 1;
    while (/^-./.test(words[at]?.text ?? '')) {
      const option = words[at]?.text ?? '';
      at += wrapper.withWord.has(option) ? 2 : 1;
      if (option === '--') break;
    }
    takeAssignments();
    at += wrapper.operands;
  }
}

function unquote(raw: string): string {
  if (!/['"\\]/.test(raw)) return raw;
  return raw.replace(
    /'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/gs,
    (_all, single?: string, double?: string, escaped?: string) =>
      single !== undefined ? single : double !== undefined ? double.replace(/\\([$`"\\])/g, '$1') : (escaped ?? ''),
  );
}
