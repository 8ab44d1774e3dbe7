import type { GuestPath } from '../../host.ts';
import type { ViewSpec } from '../view/view.ts';
import type { CountedCut } from './file-system.ts';
import type { ViewServerSpec } from './view-server.ts';

/**
 * What the runner and the view server's process say to each other over its standard input and output: JSON, one message a line. Not Node's own
 * channel, whose descriptor and environment `sudo` and the like do not let through. JSON escapes lone surrogates, so every name survives.
 */

/** The server finds the FUSE device here, mounted. */
export const deviceDescriptor = 3;

/** The first line to the server. `secret` is in the names that wake it. */
export type Opening = Pick<ViewServerSpec, 'mountpoint' | 'trees' | 'mtime' | 'directorySeconds'> & {
  readonly secret: string;
};

/** A name in the mount's root that is never there: whoever looks for it has the server read the command of this number. */
export function wakeName(secret: string, id: number | ''): string {
  return `.wake-${secret}-${id}`;
}

/** Every further line to the server; each gets one answer with its `id`, in order. */
export type Command = { readonly id: number } & (
  | { readonly kind: 'tree'; readonly name: string; readonly manifest: string }
  | { readonly kind: 'view'; readonly spec: ViewSpec }
  | { readonly kind: 'directories'; readonly paths: readonly GuestPath[] }
  | { readonly kind: 'cut' }
);

/** What the server says. `connection`: see `connectionOf`. `ended`: it serves no more, and says nothing further. */
export type Answer =
  | { readonly kind: 'ready'; readonly connection: number | null }
  | { readonly kind: 'done'; readonly id: number }
  | { readonly kind: 'directories'; readonly id: number; readonly ordinals: readonly (number | null)[] }
  | { readonly kind: 'cut'; readonly id: number; readonly cut: CountedCut }
  | { readonly kind: 'refused'; readonly id: number; readonly why: string }
  | { readonly kind: 'ended'; readonly why: string };

/** Puts lines together from a stream's chunks and parses each. */
export function lineReader<T>(receive: (message: T) => void): (chunk: string) => void {
  let parts: string[] = [];
  return (chunk) => {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      parts.push(chunk.slice(from, end));
      from = end + 1;
      const line = parts.join('');
      parts = [];
      receive(JSON.parse(line) as T);
    }
    parts.push(chunk.slice(from));
  };
}

export function toLine(message: Opening | Command | Answer): string {
  return `${JSON.stringify(message)}\n`;
}
