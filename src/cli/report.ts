import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Terminal } from '../host.ts';

/** Diagnostics as a person reads them, an empty line after each. What lays them out is loaded where there are some: Unicode's tables take time. */
export async function terminalReport(
  diagnostics: readonly Diagnostic[],
  terminal: Terminal,
  showPath: (path: string) => string,
): Promise<string> {
  if (diagnostics.length === 0) return '';
  const { renderTerminal } = await import('../diagnostics/render/terminal.ts');
  const look = { colour: terminal.colour, columns: terminal.columns, showPath };
  return diagnostics.map((one) => `${renderTerminal(one, look)}\n`).join('');
}

/** `2 errors, 1 warning`; empty where there is neither. */
export function countProblems(diagnostics: readonly Diagnostic[]): string {
  const of = (severity: Diagnostic['severity']) => diagnostics.filter((one) => one.severity === severity).length;
  const counts = [counted(of('error'), 'error'), counted(of('warning'), 'warning')];
  return counts.filter((text) => !text.startsWith('0 ')).join(', ');
}

/** `1 warning`, `2 warnings`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
