/** A word as Earthly reads it outside RUN: quotes go, `$NAME` and `${NAME}` are replaced, `\` takes the next character as it is. */
export function expandWord(word: string, variables: ReadonlyMap<string, string>): string {
  let out = '';
  let quote: string | null = null;
  for (let at = 0; at < word.length; at += 1) {
    const character = word[at] ?? '';
    if (quote === "'") {
      if (character === "'") quote = null;
      else out += character;
      continue;
    }
    if (character === '\\') {
      at += 1;
      out += word[at] ?? '';
    } else if (character === quote) quote = null;
    else if (quote === null && (character === '"' || character === "'")) quote = character;
    else if (character === '$') {
      if (word[at + 1] === '(') throw new Error(`$(…) is not carried out here: ${word}`);
      const match = /^\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/.exec(word.slice(at));
      if (match === null) out += character;
      else {
        out += variables.get(match[1] ?? match[2] ?? '') ?? '';
        at += match[0].length - 1;
      }
    } else out += character;
  }
  return out;
}
