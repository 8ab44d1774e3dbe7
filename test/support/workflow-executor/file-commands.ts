/** What a step wrote into GITHUB_ENV or GITHUB_OUTPUT: `NAME=value` lines and heredocs. Throws where GitHub refuses it. */
export function readFileCommands(text: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const heredoc = /^([^=]+?)<<(.+)$/.exec(line);
    if (heredoc !== null) {
      const end = lines.indexOf(heredoc[2] ?? '', at + 1);
      if (end < 0) throw new Error(`Invalid value. Matching delimiter not found '${heredoc[2]}'`);
      found[heredoc[1] ?? ''] = lines.slice(at + 1, end).join('\n');
      at = end;
      continue;
    }
    const equals = line.indexOf('=');
    if (equals < 1) throw new Error(`Invalid format '${line}'`);
    found[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return found;
}

/** What GITHUB_ENV may not set. */
export function refuseBlocked(names: readonly string[]): void {
  for (const name of names) {
    if (name.toUpperCase() === 'NODE_OPTIONS')
      throw new Error(`Can't store ${name} output parameter using '$GITHUB_ENV' command.`);
  }
}
