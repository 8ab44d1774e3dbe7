import { positionAt, type Span } from '../diagnostics/source.ts';
import { shortTitle } from '../ir/short-title.ts';
import type { StepName } from '../runner/events.ts';

/** A duration as people say it: `350ms`, `4.2s`, `4m12s`, `1h03m`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(seconds / 3600)}h${String(Math.floor(seconds / 60) % 60).padStart(2, '0')}m`;
}

/** Names, titles and reasons are data: control characters in them are shown, not obeyed. */
export function plainText(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** The same for a text of several lines, of which all but the first are indented. */
export function plainLines(text: string, indent: string): string {
  return text.split(/\r?\n/).map(plainText).join(`\n${indent}`);
}

/** `web/tests ▸ RUN ./unittest.sh`; a long instruction is cut. */
export function stepText(step: StepName): string {
  return `${plainText(step.runner.label)} ▸ ${plainText(shortTitle(step.title))}`;
}

/** `web/tests/Layerfile:5`. */
export function place(span: Span): string {
  return `${plainText(span.file.path)}:${positionAt(span.file, span.start).line}`;
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
