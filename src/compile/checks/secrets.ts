import { diagnostic } from '../../diagnostics/diagnostic.ts';
import type { SimpleCommand } from '../../ir/shell.ts';
import { runsOf } from './command.ts';
import type { Rule } from './rule.ts';

/** Packages of the system and tools: no secret of a project is needed for them. */
const systemInstalls: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['apt-get', new Set(['install', 'upgrade', 'dist-upgrade', 'build-dep'])],
  ['apt', new Set(['install', 'upgrade', 'full-upgrade'])],
  ['aptitude', new Set(['install'])],
  ['apk', new Set(['add'])],
  ['yum', new Set(['install'])],
  ['dnf', new Set(['install'])],
  ['snap', new Set(['install'])],
  ['brew', new Set(['install'])],
  ['rbenv', new Set(['install'])],
  ['pyenv', new Set(['install'])],
  ['nvm', new Set(['install'])],
  ['volta', new Set(['install'])],
  ['rustup', new Set(['install', 'toolchain', 'target'])],
]);

/** Packages of a language, which may come from a private registry. */
const projectInstalls: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['npm', new Set(['install', 'i', 'ci'])],
  ['pnpm', new Set(['install', 'i'])],
  ['yarn', new Set(['install', ''])],
  ['bun', new Set(['install', 'i'])],
  ['pip', new Set(['install'])],
  ['pip3', new Set(['install'])],
  ['poetry', new Set(['install'])],
  ['uv', new Set(['sync'])],
  ['bundle', new Set(['install', ''])],
  ['gem', new Set(['install'])],
  ['composer', new Set(['install'])],
  ['cargo', new Set(['build', 'install', 'fetch'])],
  ['go', new Set(['build', 'install', 'mod'])],
  ['mvn', new Set(['install', 'package', 'verify'])],
]);

/** Names that look like credentials of a registry or a code host. */
const registry =
  /TOKEN|AUTH|CRED|REGISTRY|NPM|YARN|PIP|PYPI|GEM|BUNDLE|COMPOSER|CARGO|GOPRIVATE|MAVEN|NEXUS|ARTIFACTORY|GIT|SSH/i;

/** The first expensive RUN below a SECRET ENV of this file that does not seem to need it. */
export const checkWorkAfterSecret: Rule = (checked, report) => {
  const secret = checked.steps.find(({ step }) => step.kind === 'secretEnv');
  if (secret === undefined) return;
  for (const { look, lowered, place } of runsOf(checked)) {
    const { secrets } = lowered.scope;
    if (lowered.ast.span.start < secret.ast.span.start || look.variables.some(({ name }) => secrets.has(name)))
      continue;
    const needed = [...secrets].some((name) => registry.test(name));
    const expensive = look.commands.find((one) => isIn(systemInstalls, one) || (!needed && isIn(projectInstalls, one)));
    if (expensive === undefined) continue;
    const verb = verbOf(expensive);
    const command = verb === '' ? expensive.program : `${expensive.program} ${verb}`;
    const notes = [{ message: 'the secret is there from here on', span: secret.ast.span }];
    report(diagnostic('lint/work-after-secret', place(expensive.start, expensive.end), { command }, notes));
    return;
  }
};

function isIn(table: ReadonlyMap<string, ReadonlySet<string>>, command: SimpleCommand): boolean {
  return table.get(command.program)?.has(verbOf(command)) ?? false;
}

function verbOf(command: SimpleCommand): string {
  return command.words.find(({ text }) => !text.startsWith('-'))?.text ?? '';
}
