import type { DeviceViewServer } from '../../../../src/runner/fuse/view-server.ts';

/** Stands in for the view server of machines that are given no view. */
export async function withoutViews(): Promise<DeviceViewServer> {
  return {
    addTree: () => Promise.reject(new Error('no trees here')),
    addView: () => Promise.reject(new Error('no views here')),
    directories: async (paths) => paths.map(() => null),
    cut: async () => ({ observations: [], fault: null, doubt: null, requests: 0 }),
    failure: null,
    [Symbol.asyncDispose]: async () => {},
  };
}
