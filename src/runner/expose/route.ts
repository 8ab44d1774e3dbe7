import type { Duplex } from 'node:stream';

/** Opens a stream to a port on a machine's loopback; `Machine.connect`. */
export type Connect = (port: number) => Promise<Duplex>;

/** An EXPOSE WEBSITE of a running machine, all its words expanded. */
export interface WebsiteRoute {
  /** Which runner, for messages. */
  readonly runner: string;
  readonly scheme: 'http' | 'https';
  /** Inside the machine. */
  readonly port: number;
  /** Starts with `/`. */
  readonly path: string;
  /** What takes the path's place; null passes requests on unchanged. */
  readonly rewrite: string | null;
  readonly connect: Connect;
}

/** Routes under one host name. */
export interface Site {
  /** Lower case, without a port. */
  readonly host: string;
  readonly routes: readonly WebsiteRoute[];
}

/**
 * Sites by host name: what several runners, or several copies of one, show under the same name stands side by side. Where two claim the same
 * path, the first keeps it.
 */
export function mergeSites(sites: readonly Site[]): ReadonlyMap<string, Site> {
  const merged = new Map<string, Site>();
  for (const site of sites) {
    const host = site.host.toLowerCase();
    const routes = [...(merged.get(host)?.routes ?? [])];
    for (const route of site.routes) {
      if (!routes.some((other) => trimmed(other.path) === trimmed(route.path))) routes.push(route);
    }
    merged.set(host, { host, routes });
  }
  return merged;
}

/** The path without a slash at its end; the root is the empty text. */
function trimmed(path: string): string {
  return path.replace(/\/+$/, '');
}

/** The part of a request's target before `?`. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

/** The route whose path is the longest that the target begins with, segment by segment; null where none fits. */
export function chooseRoute(routes: readonly WebsiteRoute[], target: string): WebsiteRoute | null {
  const path = pathOf(target);
  let best: WebsiteRoute | null = null;
  for (const route of routes) {
    const prefix = trimmed(route.path);
    if (path !== prefix && !path.startsWith(`${prefix}/`)) continue;
    if (best === null || prefix.length > trimmed(best.path).length) best = route;
  }
  return best;
}

/** What the machine is asked for: the target with the route's path replaced by its rewrite, else the target itself. */
export function upstreamTarget(route: WebsiteRoute, target: string): string {
  if (route.rewrite === null) return target;
  const rest = target.slice(trimmed(route.path).length);
  const rewrite = trimmed(route.rewrite);
  const made = rest.startsWith('/')
    ? rewrite + rest
    : `${rewrite === '' || route.rewrite.endsWith('/') ? `${rewrite}/` : rewrite}${rest}`;
  return made.startsWith('/') ? made : `/${made}`;
}

/**
 * Why a request's target is not passed on; null where it is. Only paths are (no absolute form, no `*`), without segments that lead upwards in
 * any spelling, so that no request leaves the path it was routed by.
 */
export function targetFault(target: string): string | null {
  if (!target.startsWith('/')) return 'only paths are served here';
  if (/[\u0000-\u0020\u007f-\uffff\\#]/.test(target)) return 'the path holds a character that must be encoded';
  const segments = pathOf(target).split(/\/|%2f|%5c/i);
  const isDots = (segment: string): boolean => /^(?:\.|%2e){1,2}(?:;.*)?$/i.test(segment);
  return segments.some(isDots) ? 'the path leads upwards' : null;
}
