import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { withCompatibility } from '../../targets/compatibility.ts';
import { defaultOptions, targets } from '../../targets/index.ts';

const readme = fileURLToPath(new URL('../../README.md', import.meta.url));

it('the README shows what the support tables say; UPDATE_GOLDENS=1 writes it anew', () => {
  const page = readFileSync(readme, 'utf8');
  const current = withCompatibility(
    page,
    Object.values(targets).map((make) => make(defaultOptions)),
  );
  if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(readme, current);
  else expect(page).toBe(current);
});
