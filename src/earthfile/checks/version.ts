import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import type { EarthfileAst } from '../ast.ts';
import type { EarthfileChecked } from '../check.ts';
import { earthFeatures, earthVersions, type EnabledFeatures } from '../features.ts';

/** VERSION is there, names one version that exists, and flags that exist. */
export function* checkVersion({ ast }: EarthfileChecked): Generator<Diagnostic> {
  const { version } = ast;
  if (version === null) {
    const span = { file: ast.file, start: 0, end: 0 };
    const elsewhere = ast.lines.some((line) => line.kind === 'command' && line.keyword === 'VERSION');
    if (!elsewhere && ast.recipes.length + ast.base.length > 0) yield diagnostic('earthfile/no-version', span, {});
    return;
  }
  const flags = version.words.filter((word) => word.text.startsWith('--'));
  const [number, ...more] = version.words.filter((word) => !word.text.startsWith('--'));
  for (const flag of flags) {
    const name = flag.text.slice(2).replace(/=.*/, '');
    if (name in earthFeatures) continue;
    const near = nearest(name, Object.keys(earthFeatures));
    yield diagnostic('earthfile/unknown-feature', flag.span, {
      flag: `--${name}`,
      near: near === null ? null : `--${near}`,
    });
  }
  if (number === undefined) yield diagnostic('earthfile/version-missing', version.keywordSpan, {});
  else if (!(earthVersions as readonly string[]).includes(number.text)) {
    yield diagnostic('earthfile/unknown-version', number.span, { version: number.text });
  }
  for (const word of more)
    yield diagnostic('earthfile/too-many-words', word.span, { form: 'VERSION [--<feature>…] <version>' });
}

/** What the VERSION command turns on. */
export function enabledFeatures(ast: EarthfileAst): EnabledFeatures {
  const words = ast.version?.words ?? [];
  const number = words.find((word) => !word.text.startsWith('--'))?.text;
  const known = number !== undefined && (earthVersions as readonly string[]).includes(number);
  const named = words.filter((word) => word.text.startsWith('--')).map((word) => word.text.slice(2).replace(/=.*/, ''));
  return { version: known ? number : null, named: new Set(named) };
}
