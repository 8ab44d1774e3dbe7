/** A transcript without what differs from run to run: durations, ids, numbers of reads, and where the test lies. */
export function redact(text: string, directory: string): string {
  return text
    .replaceAll(directory, '<here>')
    .replace(/\b(in|saved|saving|took|after) (\d+ms|\d+\.\d+s|\d+m\d\ds)/g, '$1 <time>')
    .replace(/\((\d+ms|\d+\.\d+s|\d+m\d\ds)\)$/gm, '(<time>)')
    .replace(/\b[0-9a-f]{12}\b/g, '<commit>')
    .replace(/(skip|skipped) \([0-9a-f]{4}, \d+ reads? unchanged\)/g, '$1 (<id>, <n> reads unchanged)')
    .replace(/\b[0-9a-f]{4}, made (just now|\d+ minutes? ago)/g, '<id>, made <when>')
    .replace(/^  [0-9a-f]{4}, \d+ reads?;/gm, '  <id>, <n> reads;')
    .replace(/\b(pinned|snapshot|volume) [0-9a-f]{4}\b/g, '$1 <id>')
    .replace(/(left the machine: layer shell) [0-9a-f]{8}$/gm, '$1 <id>')
    .replace(/\b\d+ reads of its own/g, '<n> reads of its own')
    .replace(/\d+ files compared/g, '<n> files compared')
    .replace(/\d+(\.\d+)? (bytes|[KMG]B)\b(?= (before|now|afterwards|more than))/g, '<size>')
    .replace(/\((\d+(\.\d+)? (bytes|[KMG]B))\)/g, '(<size>)');
}

/** Lines that runners print at the same time, put in order: in each stretch of them by runner, each runner's as they came. */
export function inOrder(text: string): string {
  const out: string[] = [];
  let stretch: string[] = [];
  const flush = (): void => {
    const labels = [...new Set(stretch.map(labelOf))].sort();
    for (const label of labels) out.push(...stretch.filter((line) => labelOf(line) === label));
    stretch = [];
  };
  for (const line of text.split('\n')) {
    if (line.includes(' ▸ ')) stretch.push(line);
    else {
      flush();
      out.push(line);
    }
  }
  flush();
  return out.join('\n');
}

function labelOf(line: string): string {
  return line.slice(0, line.indexOf(' ▸ '));
}
