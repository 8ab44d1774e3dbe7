/**
 * SUBDOMAIN of a branch: what follows its last `/`, in lower case, everything that a host name may not hold turned into `-`, none at
 * its ends, 63 characters at most. Empty where nothing is left.
 */
export function subdomainOf(branch: string): string {
  const name = branch
    .slice(branch.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+/, '');
  return name.slice(0, 63).replace(/-+$/, '');
}
