import type { GuestPath } from '../host.ts';

/**
 * A value of ENV: text, and where it holds a secret the secret's name in its place, so that no store ever holds the secret. `encrypted`: text that a secret
 * may be in, in a form that cannot be found.
 */
export type SealedText = readonly (string | { readonly secret: string } | { readonly encrypted: string })[];

/** What of a machine is not files: carried from step to step, kept in each instance. */
export interface MachineState {
  /** What ENV set, sealed. */
  readonly env: Readonly<Record<string, SealedText>>;
  readonly cwd: GuestPath;
  readonly user: string;
  readonly home: GuestPath;
  /** In order; absolute. */
  readonly setupFiles: readonly GuestPath[];
  /** Paths of CACHE, links followed, in order. */
  readonly caches: readonly GuestPath[];
  readonly background: readonly BackgroundRecord[];
}

/** A RUN BACKGROUND that a snapshot stands on. */
export interface BackgroundRecord {
  /** Index of its step in the chain. */
  readonly step: number;
  /** TCP ports its processes listened on when the state was kept. */
  readonly ports: readonly number[];
  /** It had ended with 0: nothing to start again. */
  readonly ended: boolean;
}

/** The machine before the first step. */
export const initialState: MachineState = {
  env: {},
  cwd: '/root' as GuestPath,
  user: 'root',
  home: '/root' as GuestPath,
  setupFiles: [],
  caches: [],
  background: [],
};
