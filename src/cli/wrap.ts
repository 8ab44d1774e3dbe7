/** What a person reads without effort, whatever the terminal has room for. */
const widest = 110;
const narrowest = 50;

/** A text as lines of so many columns, cut between words. */
export function wrapped(text: string, columns: number): readonly string[] {
  const room = Math.max(narrowest, Math.min(columns, widest));
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && line.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines;
}

/** Paragraphs and lists of Markdown as lines of so many columns, an empty one between paragraphs. */
export function flowed(markdown: string, columns: number): readonly string[] {
  return markdown.split(/\n{2,}/).flatMap((paragraph, index) => [
    ...(index === 0 ? [] : ['']),
    ...paragraph.split(/\n(?=- )/).flatMap((item) => {
      const hanging = item.startsWith('- ') ? '  ' : '';
      const lines = wrapped(
        item.replace(/\s*\n\s*/g, ' ').replace(/\b_([^_ ]+(?: [^_ ]+)*)_\b/g, '$1'),
        columns - hanging.length,
      );
      return lines.map((line, at) => (at === 0 ? line : `${hanging}${line}`));
    }),
  ]);
}
