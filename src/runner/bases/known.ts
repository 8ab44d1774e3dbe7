import type { BaseSource } from '../../ir/ir.ts';
import { debianProvider } from './debian/provider.ts';
import { BaseError } from './failure.ts';
import type { Provider } from './host.ts';
import { directoryProvider, tarballProvider } from './local.ts';
import { ociProvider } from './oci/provider.ts';
import { parseReference } from '../../registry/reference.ts';

/** The base machines that need no configuration: the release to build from Debian's archive, and the image that serves where that cannot. */
const known: Readonly<Record<string, { readonly codename: string | null; readonly image: string }>> = {
  'vm/debian:12': { codename: 'bookworm', image: 'docker.io/library/debian:12' },
  'vm/debian:13': { codename: 'trixie', image: 'docker.io/library/debian:13' },
  'vm/ubuntu:18.04': { codename: null, image: 'docker.io/library/ubuntu:18.04' },
  'vm/ubuntu:20.04': { codename: null, image: 'docker.io/library/ubuntu:20.04' },
  'vm/ubuntu:22.04': { codename: null, image: 'docker.io/library/ubuntu:22.04' },
  'vm/ubuntu:24.04': { codename: null, image: 'docker.io/library/ubuntu:24.04' },
};

/** The ways to make a base machine, in the order in which they are tried. Throws a `BaseError` for what names none. */
export function providersOf(name: string, source: BaseSource): readonly Provider[] {
  switch (source.kind) {
    case 'known': {
      const entry = Object.hasOwn(known, name) ? known[name] : undefined;
      if (!entry) throw new BaseError({ kind: 'unknown', name, known: Object.keys(known) });
      const image = imageOf(entry.image);
      return entry.codename === null ? [image] : [debianProvider(entry.codename), image];
    }
    case 'oci':
      return [imageOf(source.reference)];
    case 'tarball':
      return [tarballProvider(source.path)];
    case 'directory':
      return [directoryProvider(source.path)];
  }
}

function imageOf(text: string): Provider {
  const reference = parseReference(text);
  if (reference === null) {
    throw new BaseError({
      kind: 'malformed',
      what: `the image name ${JSON.stringify(text)}`,
      why: 'expected [registry/]name[:tag][@sha256:…]',
    });
  }
  return ociProvider(reference);
}
