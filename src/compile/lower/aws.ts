import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import type { AwsLink } from '../../ir/ir.ts';
import type { AwsAst } from '../../syntax/ast.ts';
import { type Lowering, reportMissing, titleOf } from './lowering.ts';

/** `AWS link --region=r`; other commands and options are read and reported. */
export function lowerAws(lowering: Lowering, ast: AwsAst): AwsLink | null {
  const [command, ...options] = ast.words;
  if (command === undefined) return reportMissing(lowering, ast);
  if (command.value !== 'link') {
    lowering.report(
      diagnostic('language/aws-command', command.span, {
        command: command.value,
        near: nearest(command.value, ['link']),
      }),
    );
    return null;
  }
  let region: string | null = null;
  let wrong = false;
  for (let at = 0; at < options.length; at += 1) {
    const option = options[at];
    const value = option?.value ?? '';
    if (value.startsWith('--region=')) region = value.slice('--region='.length);
    else if (value === '--region') {
      at += 1;
      region = options[at]?.value ?? '';
    } else {
      wrong = true;
      const name = value.replace(/=.*$/s, '');
      const near = name.replace(/^-*/, '') === 'region' ? '--region' : nearest(name, ['--region']);
      lowering.report(diagnostic('language/aws-option', option?.span ?? null, { option: name, near }));
    }
  }
  if (region === null || region === '') {
    if (!wrong || region === '') lowering.report(diagnostic('language/aws-region', command.span, {}));
    return null;
  }
  return { kind: 'awsLink', region, title: titleOf(ast), span: ast.span };
}
