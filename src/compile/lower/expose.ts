import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { staticText } from '../../ir/expand.ts';
import type { Argument, ExposeTcp, ExposeWebsite } from '../../ir/ir.ts';
import type { ExposeTcpAst, ExposeWebsiteAst, Word } from '../../syntax/ast.ts';
import { surround, toArgument, withoutPrefix } from '../arguments.ts';
import { type Lowering, reportExtra, reportMissing, titleOf } from './lowering.ts';

export function lowerExposeWebsite(lowering: Lowering, ast: ExposeWebsiteAst): ExposeWebsite | null {
  const [server, path, rewrite, ...extra] = ast.words;
  reportExtra(lowering, ast, extra);
  if (server === undefined) return reportMissing(lowering, ast);
  const target = readServer(lowering, server);
  const step = {
    path: path === undefined ? { parts: ['/'], span: server.span } : toPath(lowering, path),
    rewrite: rewrite === undefined ? null : toPath(lowering, rewrite),
  };
  if (target === null) return null;
  return { kind: 'expose', protocol: 'website', ...target, ...step, title: titleOf(ast), span: ast.span };
}

export function lowerExposeTcp(lowering: Lowering, ast: ExposeTcpAst): ExposeTcp | null {
  const [first, second, ...extra] = ast.words;
  reportExtra(lowering, ast, extra);
  if (first === undefined) return reportMissing(lowering, ast);
  const outside = readPort(lowering, first);
  const inside = second === undefined ? outside : readPort(lowering, second);
  if (outside === null || inside === null) return null;
  return { kind: 'expose', protocol: 'tcp', outside, inside, title: titleOf(ast), span: ast.span };
}

/** `[http[s]://]localhost[:port]`, or a bare port; a `/` at its end means nothing. */
function readServer(lowering: Lowering, typed: Word): Pick<ExposeWebsite, 'scheme' | 'port'> | null {
  const word = flattened(lowering, typed);
  const match = /^(?:(https?):\/\/)?localhost(?::([^/]*))?\/?$/.exec(word.value);
  if (match !== null) {
    const scheme = match[1] === 'https' ? 'https' : 'http';
    const port = match[2];
    if (port === undefined) return { scheme, port: { parts: [scheme === 'https' ? '443' : '80'], span: word.span } };
    const prefix = word.value.slice(0, word.value.lastIndexOf(':') + 1);
    const argument = checkPort(lowering, withoutSlash(toArgument(lowering, withoutPrefix(word, prefix))));
    return argument === null ? null : { scheme, port: argument };
  }
  if (/^:?(\d+|\$\{?\w+\}?)$/.test(word.value)) {
    const bare = word.value.startsWith(':') ? withoutPrefix(word, ':') : word;
    const port = checkPort(lowering, toArgument(lowering, bare));
    return port === null ? null : { scheme: 'http', port };
  }
  const near = nearServer(word.value);
  lowering.report(
    diagnostic('language/expose-host', word.span, { text: word.value === '' ? 'nothing' : word.value, near }),
  );
  return null;
}

/** A word of several parts, or with variables, as one part without them, where all of it is static. */
function flattened(lowering: Lowering, word: Word): Word {
  if (word.parts.length === 1 && !word.value.includes('$')) return word;
  const text = staticText(toArgument(lowering, word));
  return text === null ? word : { value: text, parts: [{ quote: 'single', text, span: word.span }], span: word.span };
}

/** The server that a mistyped one most likely means (`127.0.0.1:3000`, `localhost:3000/api`, `localhost 3000`). */
function nearServer(text: string): string | null {
  const match = /^(?:(https?):\/*)?([^/:]*)(?::(\d+))?(\/.*)?$/i.exec(text);
  if (match === null) return null;
  const [, scheme, host = '', port, path = ''] = match;
  const local = /^(localhost|127(\.\d+){3}|0\.0\.0\.0|\[::1?\]|l[ocalhst]{5,9})?$/i.test(host);
  if (!local && port === undefined) return null;
  const start = scheme === undefined ? '' : `${scheme.toLowerCase()}://`;
  return `${start}localhost${port === undefined ? '' : `:${port}`}${path === '' || path === '/' ? '' : ` ${path}`}`;
}

function readPort(lowering: Lowering, word: Word): Argument | null {
  const bare = word.value.startsWith(':') ? withoutPrefix(word, ':') : word;
  const local = /^(?:tcp:\/\/)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0):(\d+)$/.exec(word.value)?.[1];
  if (local === undefined) return checkPort(lowering, toArgument(lowering, bare));
  lowering.report(diagnostic('language/expose-host', word.span, { text: word.value, near: local }));
  return null;
}

function checkPort(lowering: Lowering, port: Argument): Argument | null {
  const text = staticText(port);
  if (text === null) return port;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= 65535) return { ...port, parts: [String(number)] };
  const [, outside, inside = ''] = /^(\d{1,5})(?::(\d{1,5}))?(?:\/tcp)?$/i.exec(text) ?? [];
  const near = outside === undefined || number > 65535 || text === outside ? null : `${outside} ${inside}`.trim();
  lowering.report(diagnostic('language/port', port.span, { text, near }));
  return null;
}

/** A path with a `/` in front and none at its end. */
function toPath(lowering: Lowering, word: Word): Argument {
  const path = toArgument(lowering, word);
  const [first] = path.parts;
  const last = path.parts.at(-1);
  const started =
    typeof first === 'string' && first.startsWith('/')
      ? path
      : surround(path, { before: typeof first === 'object' ? '' : '/' });
  return typeof last === 'string' && last.endsWith('/') && staticText(started) !== '/'
    ? withoutSlash(started)
    : started;
}

function withoutSlash(argument: Argument): Argument {
  const last = argument.parts.at(-1);
  if (typeof last !== 'string' || !last.endsWith('/')) return argument;
  const text = last.replace(/\/+$/, '');
  return { ...argument, parts: [...argument.parts.slice(0, -1), ...(text === '' ? [] : [text])] };
}
