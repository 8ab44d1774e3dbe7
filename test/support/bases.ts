/** Where tests keep base machines, which are made once: `LAYER_TEST_BASES`, else a place that outlives a test run. */
export function basesDirectory(): string {
  return process.env['LAYER_TEST_BASES'] ?? '/var/tmp/layer-bases-store';
}
