/** Bytes to lines for a reader: UTF-8 or what is left of it, carriage returns as terminals show them, no control codes but colours. */
export interface Lines {
  push(chunk: Uint8Array): readonly string[];
  /** The unfinished line, if there is one. */
  end(): readonly string[];
}

/** A longer line is shown in pieces, so that output without line ends needs no memory. */
const longestLine = 8192;

export function createLines({ colour }: { readonly colour: boolean }): Lines {
  const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
  let rest = '';
  const shown = (line: string): string => cleanLine(line, { colour });
  return {
    push(chunk) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      const pieces = lines.flatMap(inPieces);
      const begun = inPieces(rest);
      rest = begun.pop() ?? '';
      return [...pieces, ...begun].map(shown);
    },
    end() {
      rest += decoder.decode();
      const last = rest;
      rest = '';
      return last === '' ? [] : [shown(last)];
    },
  };
}

function inPieces(line: string): string[] {
  if (line.length <= longestLine) return [line];
  const count = Math.ceil(line.length / longestLine);
  return Array.from({ length: count }, (_none, index) => line.slice(index * longestLine, (index + 1) * longestLine));
}

/** A line as it stands after its carriage returns, without anything that moves the cursor or sets titles. */
export function cleanLine(line: string, { colour }: { readonly colour: boolean }): string {
  const last = line.replace(/\r+$/, '').split('\r').at(-1) ?? '';
  const safe = last
    .replaceAll('\u0001', '')
    .replace(/\u001b\][^\u0007\u001b]*(\u0007|\u001b\\)?/g, '')
    .replace(/\u001b\[([0-9;:]*)m/g, colour ? '\u0001$1m' : '')
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]?/g, '')
    .replace(/\u001b[ -/]*[0-~]?/g, '')
    .replace(/[\u0000\u0002-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
  if (!safe.includes('\u0001')) return safe;
  return `${safe.replaceAll('\u0001', '\u001b[')}\u001b[0m`;
}
