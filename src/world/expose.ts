import type { Proxy } from '../runner/expose/proxy.ts';
import type { Readiness } from '../runner/expose/ready.ts';
import type { Connect, Site, WebsiteRoute } from '../runner/expose/route.ts';
import type { ListenFailure } from '../runner/expose/listen.ts';
import type { RunnerName } from '../runner/events.ts';
import type { Exposed, ExposePort } from '../runner/ports.ts';

export interface ExposeOptions {
  readonly serve: boolean;
  /** Of the proxy that all websites are reached by. */
  readonly port: number;
  /** A runner's EXPOSE_WEBSITE_HOST, without the port. */
  readonly hostOf: (runner: RunnerName) => string;
  readonly warn: (message: string) => void;
}

/** EXPOSE as a run has it: waits for what is exposed, and shows it on this host's loopback where it is to be served. */
export function runExpose(options: ExposeOptions): ExposePort {
  return {
    async ready(exposed, connect, signal) {
      const { portReady, websiteReady } = await import('../runner/expose/ready.ts');
      const readiness = await (exposed.protocol === 'website'
        ? websiteReady(routeOf('', exposed, connect), { host: `localhost:${options.port}`, signal })
        : portReady({ port: exposed.inside, connect }, { signal }));
      return whyNot(readiness);
    },
    serve: options.serve ? serving(options) : null,
  };
}

function whyNot(readiness: Readiness): string | null {
  switch (readiness.ready) {
    case true:
      return null;
    case false:
      return readiness.why;
    case 'cancelled':
      return 'cancelled';
  }
}

function routeOf(runner: string, exposed: Extract<Exposed, { protocol: 'website' }>, connect: Connect): WebsiteRoute {
  const { scheme, port, path, rewrite } = exposed;
  return { runner, scheme, port, path, rewrite, connect };
}

/** Every runner's sites behind one proxy, which is there as long as anybody is shown. */
function serving(options: ExposeOptions): NonNullable<ExposePort['serve']> {
  const shown = new Map<string, { readonly copy: number; readonly sites: readonly Site[] }>();
  let started: Promise<Proxy | ListenFailure> | null = null;

  const show = async (): Promise<Proxy | ListenFailure> => {
    started ??= import('../runner/expose/proxy.ts').then(({ startProxy }) => startProxy({ port: options.port }));
    const proxy = await started;
    // Copies of one Layerfile in their order, so that which of them keeps a path does not depend on who was first.
    const inOrder = [...shown.values()].sort((a, b) => a.copy - b.copy);
    if (proxy.failure === null) proxy.show(inOrder.flatMap((one) => one.sites));
    return proxy;
  };
  const hide = async (id: string): Promise<void> => {
    shown.delete(id);
    const proxy = await show();
    if (shown.size > 0 || proxy.failure !== null) return;
    started = null;
    await proxy[Symbol.asyncDispose]();
  };

  return async (runner, exposed, { connect, listening, signal }) => {
    const { startForward } = await import('../runner/expose/forward.ts');
    await using forwards = new AsyncDisposableStack();
    for (const one of exposed) {
      if (one.protocol !== 'tcp') continue;
      const forward = await startForward({ outside: one.outside, inside: one.inside, connect });
      if (forward.failure !== null) {
        options.warn(`${runner.label}: port ${one.outside} cannot be opened on this host`);
        continue;
      }
      forwards.use(forward);
      listening(`localhost:${forward.port}${forward.moved ? ` (${one.outside} is taken)` : ''}`);
    }
    const routes = exposed.flatMap((one) => (one.protocol === 'website' ? [routeOf(runner.label, one, connect)] : []));
    if (routes.length === 0) return untilAborted(signal);

    const hosts = hostsOf(runner, options);
    shown.set(runner.id, { copy: runner.copy ?? 0, sites: hosts.map((host) => ({ host, routes })) });
    const proxy = await show();
    if (proxy.failure === null) {
      for (const route of routes) listening(`http://${hosts[0]}:${proxy.port}${route.path}`);
    } else {
      options.warn(
        `${runner.label}: port ${options.port} is taken by another program, so its websites cannot be shown`,
      );
    }
    await untilAborted(signal);
    await hide(runner.id);
  };
}

/** A copy of a SPLIT is shown under its own name and, with its siblings, under that of the Layerfile. */
function hostsOf(runner: RunnerName, options: ExposeOptions): readonly string[] {
  const own = options.hostOf(runner);
  const family = runner.copy === null ? own : options.hostOf({ ...runner, id: runner.layer });
  return own === family ? [own] : [own, family];
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
