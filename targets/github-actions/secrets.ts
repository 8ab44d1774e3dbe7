/** The secret of GitHub that a name of SECRET ENV stands for: it takes no name that starts with GITHUB_ or a digit, but its own token. */
export function secretName(name: string): string {
  return /^(GITHUB_|[0-9])/i.test(name) && name !== 'GITHUB_TOKEN' ? `LAYER_${name}` : name;
}

/** Secrets as a step's environment. */
export function secretEnvironment(names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, secretValue(name)]));
}

function secretValue(name: string): string {
  return name === 'GIT_CLONE_USER' ? 'x-access-token:${{ github.token }}' : `\${{ secrets.${secretName(name)} }}`;
}
