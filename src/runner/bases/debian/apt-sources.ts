/** One repository that apt of the host reads. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** Repositories of a `.list` file (one line each) or a `.sources` file (deb822 paragraphs); see sources.list(5). */
export function parseAptSources(text: string, format: 'list' | 'deb822'): readonly AptSource[] {
  return format === 'list' ? parseLines(text) : parseParagraphs(text);
}

function parseLines(text: string): readonly AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const words = line
      .replace(/#.*$/, '')
      .replace(/\[[^\]]*\]/, ' ')
      .trim()
      .split(/\s+/);
    const [type, uri, suite, ...components] = words;
    if (type === 'deb' && uri !== undefined && suite !== undefined)
      sources.push({ uris: [uri], suites: [suite], components });
  }
  return sources;
}

function parseParagraphs(text: string): readonly AptSource[] {
  const sources: AptSource[] = [];
  const withoutComments = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
  for (const paragraph of withoutComments.split(/\n[ \t]*\n+/)) {
    const words = (name: string): readonly string[] =>
      (new RegExp(`^${name}:((?:.*)(?:\\n[ \\t]+.*)*)`, 'im').exec(paragraph)?.[1] ?? '')
        .split(/\s+/)
        .filter((word) => word !== '');
    if (words('Enabled')[0]?.toLowerCase() === 'no' || !words('Types').includes('deb')) continue;
    sources.push({ uris: words('URIs'), suites: words('Suites'), components: words('Components') });
  }
  return sources;
}

/** Where a Debian archive is read from. */
export interface DebianMirror {
  readonly archive: string;
  readonly security: string;
}

const debianMirror: DebianMirror = {
  archive: 'http://deb.debian.org/debian',
  security: 'http://deb.debian.org/debian-security',
};

const codenames = ['bullseye', 'bookworm', 'trixie', 'forky', 'sid', 'stable', 'oldstable', 'testing', 'unstable'];

/**
 * The mirror of Debian that this host uses, or Debian's own where it uses none. A mirror whose address holds a password is not taken:
 * the address is written into the machine.
 */
export function chooseMirror(sources: readonly AptSource[]): DebianMirror {
  const find = (suffix: string, path: RegExp): string | null => {
    const suites = codenames.map((name) => name + suffix);
    for (const source of sources) {
      if (!source.components.includes('main') || !source.suites.some((suite) => suites.includes(suite))) continue;
      const uri = source.uris.find((one) => /^https?:\/\/[^@]+$/.test(one) && path.test(one));
      if (uri !== undefined) return uri.replace(/\/+$/, '');
    }
    return null;
  };
  return {
    archive: find('', /\/debian\/*$/) ?? debianMirror.archive,
    security: find('-security', /\/debian-security\/*$/) ?? debianMirror.security,
  };
}

/** The lines of `sources.list` for a release and its updates. */
export function sourceLines(mirror: DebianMirror, codename: string): readonly string[] {
  return [
    `deb ${mirror.archive} ${codename} main`,
    `deb ${mirror.archive} ${codename}-updates main`,
    `deb ${mirror.security} ${codename}-security main`,
  ];
}

const carriedOptions = /^Acquire::(?:Check-Valid-Until|Check-Date|ForceIPv[46]|https?::Proxy(?:::[^:]+)?)$/;

/**
 * The options of the host's apt without which it would not reach its mirror, from what `apt-config dump` prints: proxies without a password,
 * and whether old index files are believed. They are written into the machine too.
 */
export function carriedAptOptions(dump: string): readonly string[] {
  const lines: string[] = [];
  for (const line of dump.split('\n')) {
    const match = /^(\S+) "([^"]*)";$/.exec(line.trim());
    const [, key, value] = match ?? [];
    if (key === undefined || value === undefined || value === '' || value.includes('@')) continue;
    if (carriedOptions.test(key)) lines.push(`${key} "${value}";`);
  }
  return lines;
}
