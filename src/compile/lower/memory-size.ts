const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** Bytes of a size like `2G`, `512m` or `1073741824`; null where it is none, or nothing. */
export function parseMemory(text: string): number | null {
  const match = /^(\d{1,15})([KMG]?)$/i.exec(text);
  if (match === null) return null;
  const bytes = Number(match[1]) * (units[(match[2] ?? '').toUpperCase()] ?? 1);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

/** The size that a mistyped one most likely means (`2GB`, `2 GiB`, `1.5G`); null where that is not plain. */
export function suggestMemory(text: string): string | null {
  const match = /^(\d+)(?:\.(\d+))?\s*([KMGT])?(?:I?B)?$/i.exec(text);
  if (match === null) return null;
  let number = Number(`${match[1] ?? ''}.${match[2] ?? '0'}`);
  let unit = (match[3] ?? '').toUpperCase();
  if (unit === 'T') [number, unit] = [number * 1024, 'G'];
  if (!Number.isInteger(number)) {
    const smaller: Readonly<Record<string, string>> = { G: 'M', M: 'K', K: '' };
    number = Math.round(number * 1024);
    unit = smaller[unit] ?? '';
  }
  const suggestion = `${number}${unit}`;
  return parseMemory(suggestion) === null ? null : suggestion;
}

/** Bytes as a person writes them: in the largest unit that is whole. */
export function printMemory(bytes: number): string {
  for (const unit of ['G', 'M', 'K']) {
    const size = units[unit] ?? 1;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return String(bytes);
}
