import { plural } from '../report/text.ts';
import type { WrittenBack } from '../runner/stores/shared.ts';

/** Results that take longer to send are not sent: they wait, or the next run makes them again. */
export const sendingMs = 15 * 60_000;

/** The state by which the main step tells the post step that nothing is left for it. */
export const sentState = 'sent';

/** What was sent, in sentences. */
export function sentText(sent: WrittenBack | null): readonly string[] {
  if (sent === null) return [];
  const { instances, bytes, unworthy, tainted } = sent;
  return [
    `sent ${plural(instances, 'result')}, ${byteText(bytes)}`,
    ...(unworthy === 0 ? [] : [`${plural(unworthy, 'snapshot')} not sent: making them again is quicker`]),
    ...(tainted === 0 ? [] : [`${plural(tainted, 'result')} not sent: made where a secret was in force`]),
  ];
}

/** Decimal units, as those who bill for them count. */
function byteText(bytes: number): string {
  if (bytes < 1e3) return plural(bytes, 'byte');
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
