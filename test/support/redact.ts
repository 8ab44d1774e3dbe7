/** A transcript without what differs from run to run: durations, ids, numbers of reads, and where the test lies. */
export function redact(text: string, directory: string): string {
  return text
    .replaceAll(directory, '<here>')
    .replace(/\b(in|saved|after) (\d+ms|\d+\.\d+s|\d+m\d\ds)/g, '$1 <time>')
    .replace(/\((\d+ms|\d+\.\d+s|\d+m\d\ds)\)$/gm, '(<time>)')
    .replace(/\b[0-9a-f]{12}\b/g, '<commit>')
    .replace(/skipped \([0-9a-f]{4}, \d+ reads? unchanged\)/g, 'skipped (<id>, <n> reads unchanged)');
}
