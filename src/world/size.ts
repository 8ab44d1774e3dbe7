const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** `20G`, `512M`, `1.5g`, `20GB`, `100`: bytes; null where it is none of these. */
export function readSize(typed: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(typed.trim());
  const unit = units[(match?.[2] ?? '?').toUpperCase()];
  return match === null || unit === undefined ? null : Math.round(Number(match[1]) * unit);
}

/** `3.4 GB`, `12 MB`, `512 bytes`; powers of 1024. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  let value = bytes;
  let unit = -1;
  while (value >= 1000 && unit < 3) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${'KMGT'[unit] ?? 'K'}B`;
}

const day = 24 * 3600 * 1000;
const spans: Readonly<Record<string, number>> = { m: 60_000, h: 3600_000, d: day, w: 7 * day };

/** `7d`, `12h`, `30m`, `2w`: milliseconds; null where it is none of these. */
export function readAge(typed: string): number | null {
  const match = /^(\d+)([mhdw])$/.exec(typed.trim());
  const span = spans[match?.[2] ?? ''];
  return match === null || span === undefined ? null : Number(match[1]) * span;
}

/** `just now`, `3 minutes ago`, `2 days ago`. */
export function ageText(ms: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [day, 'day'],
    [3600_000, 'hour'],
    [60_000, 'minute'],
  ];
  for (const [length, noun] of steps) {
    const count = Math.floor(ms / length);
    if (count > 0) return `${count} ${noun}${count === 1 ? '' : 's'} ago`;
  }
  return 'just now';
}
