import { diagnostic } from '../../diagnostics/diagnostic.ts';
import type { ScriptWord } from '../../ir/shell.ts';
import { runsOf } from './command.ts';
import type { Rule } from './rule.ts';

const engines = new Set(['docker', 'podman', 'nerdctl']);

/** Long options of `run` and `exec` that take no value; all others do. */
const flags = new Set([
  ...[
    '--detach',
    '--interactive',
    '--tty',
    '--rm',
    '--privileged',
    '--init',
    '--read-only',
    '--publish-all',
    '--quiet',
  ],
  ...['--no-healthcheck', '--oom-kill-disable', '--sig-proxy', '--disable-content-trust', '--help'],
]);

/** `docker run -t`, which fails without a terminal unless it is detached. */
export const checkDockerTerminal: Rule = (checked, report) => {
  for (const { look, place } of runsOf(checked)) {
    for (const { program, words } of look.commands) {
      if (!engines.has(program)) continue;
      const verb = words.findIndex(({ text }) => text === 'run' || text === 'exec');
      const before = words.slice(0, Math.max(0, verb)).filter(({ text }) => !text.startsWith('-'));
      if (verb < 0 || !(before.length === 0 || (before.length === 1 && before[0]?.text === 'container'))) continue;
      const option = terminalOption(words.slice(verb + 1));
      if (option === null) continue;
      const command = `${program} ${words[verb]?.text ?? ''}`;
      report(diagnostic('lint/docker-terminal', place(option.start, option.end), { command, option: option.text }));
    }
  }
};

/** The option that asks for a terminal; null where none does, or the container is detached. */
function terminalOption(words: readonly ScriptWord[]): ScriptWord | null {
  let terminal: ScriptWord | null = null;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    const text = word?.text ?? '';
    if (word === undefined || !/^-./.test(text) || text === '--') break;
    if (text.startsWith('--')) {
      const [name, value] = text.split('=', 2);
      if (name === '--detach' && value !== 'false') return null;
      if (name === '--tty' && value !== 'false') terminal = word;
      if (value === undefined && !flags.has(text)) at += 1;
      continue;
    }
    const [cluster = '', value] = text.slice(1).split('=', 2);
    const switches = /^[ditPq]*/.exec(cluster)?.[0] ?? '';
    if (switches.includes('d') && value !== 'false') return null;
    if (switches.includes('t') && value !== 'false') terminal = word;
    // What follows the switches is an option with a value (`-p 80:80`, `-p80:80`).
    if (switches.length === cluster.length - 1 && value === undefined) at += 1;
  }
  return terminal;
}
