/**
 * What would move a cursor, change colours or reorder text: control and format characters, separators, lone surrogates.
 * The joiners U+200C and U+200D stay, since emoji and some scripts are made with them.
 */
const hidden = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** Text as it may be printed on a terminal: whatever is invisible or dangerous there as `\u{1b}`; line feeds and tabs too. */
export function visible(text: string): string {
  return text.replace(hidden, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Like `visible`, for messages that may have several lines. */
export function visibleLines(text: string): string {
  return text
    .split(/\r\n|\n/)
    .map(visible)
    .join('\n');
}
