import type { EarthCommand, EarthKeyword, EarthWord } from './ast.ts';
import { earthCommands } from './commands.ts';

/** A flag as it stands: its name, its value (null for a switch, or where the value is missing), and whether the command knows it. */
export interface EarthFlag {
  readonly name: string;
  readonly value: EarthWord | null;
  readonly span: EarthWord['span'];
  readonly known: boolean;
}

/** A command's words, sorted: the flags before the first ordinary word, and everything from there on. */
export interface EarthArguments {
  readonly flags: readonly EarthFlag[];
  readonly words: readonly EarthWord[];
}

/** Commands whose words are taken as they stand: a dash in front makes no flag of them. */
const verbatim: ReadonlySet<EarthKeyword> = new Set<EarthKeyword>([
  ...(['CMD', 'ENTRYPOINT', 'EXPOSE', 'VOLUME', 'WORKDIR', 'USER', 'ENV', 'LABEL', 'TRIGGER', 'HOST'] as const),
]);

/** Sorts a command's words. Flags end at `--` or at the first word that is none; those with a value may take the next word. */
export function argumentsOf(command: EarthCommand): EarthArguments {
  if (verbatim.has(command.keyword)) return { flags: [], words: command.words };
  const table = earthCommands[command.keyword].flags;
  const flags: EarthFlag[] = [];
  const words = joinBrackets(command.words);
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] as EarthWord;
    if (word.text === '--') {
      at++;
      break;
    }
    if (!/^-(-|f\b)/.test(word.text)) break;
    const equals = word.text.indexOf('=');
    const name = equals < 0 ? word.text : word.text.slice(0, equals);
    const kind = table[name];
    const nameSpan = { ...word.span, end: word.span.start + name.length };
    if (equals >= 0) {
      const start = word.span.start + equals + 1;
      flags.push({
        name,
        value: { text: word.text.slice(equals + 1), span: { ...word.span, start } },
        span: nameSpan,
        known: kind !== undefined,
      });
    } else if (kind === 'value') {
      at++;
      flags.push({ name, value: words[at] ?? null, span: word.span, known: true });
    } else flags.push({ name, value: null, span: word.span, known: kind !== undefined });
  }
  return { flags, words: words.slice(at) };
}

/** Words that one pair of brackets holds are one: `(+target/path --arg=value)`, `image=(+target --arg=value)`. */
function joinBrackets(words: readonly EarthWord[]): readonly EarthWord[] {
  const joined: EarthWord[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as EarthWord;
    const close = /(^|=)\([^)]*$/.test(word.text)
      ? words.findIndex((one, index) => index > at && one.text.endsWith(')'))
      : -1;
    if (close < 0) joined.push(word);
    else {
      const group = words.slice(at, close + 1);
      joined.push({
        text: group.map((one) => one.text).join(' '),
        span: { ...word.span, end: group.at(-1)?.span.end ?? word.span.end },
      });
      at = close;
    }
  }
  return joined;
}
