/** The versions a VERSION command may name, oldest first. */
export const earthVersions = ['0.0', '0.6', '0.7', '0.8'] as const;

/**
 * VERSION's feature flags, and from which version each is on without being named (null: never by itself).
 * The public reference of Earthly's features and of its continuation EarthBuild.
 */
export const earthFeatures: Readonly<Record<string, string | null>> = {
  'exec-after-parallel': '0.5',
  'parallel-load': '0.5',
  'use-registry-for-with-docker': '0.5',
  'for-in': '0.6',
  'no-implicit-ignore': '0.6',
  'referenced-save-only': '0.6',
  'require-force-for-unsafe-saves': '0.6',
  'use-copy-include-patterns': '0.6',
  'check-duplicate-images': '0.7',
  'ci-arg': '0.7',
  'earthly-git-author-args': '0.7',
  'earthly-locally-arg': '0.7',
  'earthly-version-arg': '0.7',
  'explicit-global': '0.7',
  'git-commit-author-timestamp': '0.7',
  'new-platform': '0.7',
  'no-tar-build-output': '0.7',
  'save-artifact-keep-own': '0.7',
  'shell-out-anywhere': '0.7',
  'use-cache-command': '0.7',
  'use-chmod': '0.7',
  'use-copy-link': '0.7',
  'use-host-command': '0.7',
  'use-no-manifest-list': '0.7',
  'use-pipelines': '0.7',
  'use-project-secrets': '0.7',
  'wait-block': '0.7',
  'no-network': '0.8',
  'arg-scope-and-set': '0.8',
  'use-docker-ignore': '0.8',
  'pass-args': '0.8',
  'global-cache': '0.8',
  'cache-persist-option': '0.8',
  'git-refs': '0.8',
  'use-visited-upfront-hash-collection': '0.8',
  'use-function-keyword': '0.8',
  'allow-privileged-from-dockerfile': null,
  'allow-without-earthly-labels': null,
  'build-auto-skip': null,
  'docker-cache': null,
  'earthly-ci-runner-arg': null,
  'git-author-email-name-args': null,
  'no-use-registry-for-with-docker': null,
  'raw-output': null,
  'run-with-aws': null,
  'run-with-aws-oidc': null,
  try: null,
  'wildcard-builds': null,
  'wildcard-copy': null,
};

/** What a file may use: its version, and the flags it names. */
export interface EnabledFeatures {
  /** Null where the file names none, or one that is not known: then nothing is held against it. */
  readonly version: string | null;
  readonly named: ReadonlySet<string>;
}

/** Whether a feature is on: named, or part of the version. */
export function hasFeature(enabled: EnabledFeatures, feature: string): boolean {
  if (enabled.version === null || enabled.named.has(feature)) return true;
  const since = earthFeatures[feature] ?? null;
  return since !== null && Number(enabled.version) >= Number(since);
}
