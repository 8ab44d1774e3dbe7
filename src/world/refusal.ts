/** What the system's errors mean to a person, and what mends them; errno(3) has the codes. */
const meanings: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EACCES: ['permission denied', 'look at who owns it, and the directories above it'],
  EPERM: ['not permitted', 'look at who owns it, and whether it is immutable (lsattr)'],
  ENOENT: ['it is not there', 'something removed it while layer was at work: try again'],
  EEXIST: ['something else is there already', 'move that away'],
  ENOTDIR: ['a part of this path is no directory', 'move what is there away'],
  EISDIR: ['it is a directory', 'move that away'],
  ENOTEMPTY: ['the directory is not empty', 'something wrote into it while layer was at work: try again'],
  ELOOP: ['its links lead in a circle', 'remove the link'],
  ENAMETOOLONG: ['the name is too long', 'use a shorter path'],
  ENOSPC: ['the disk is full', 'make room; `layer prune` makes the store smaller'],
  EDQUOT: ['the quota is used up', 'make room; `layer prune` makes the store smaller'],
  EROFS: ['the file system is read-only', 'use a place that can be written'],
  EIO: ['input/output error', 'look at the disk (dmesg)'],
  ESTALE: ['the network file system has forgotten it', 'try again'],
  ENXIO: ['it is a socket or a pipe', 'move that away'],
  EBUSY: ['it is in use', 'look for a mount at it (findmnt)'],
  EMFILE: ['too many files are open', 'raise the limit (ulimit -n)'],
  ENFILE: ['too many files are open on this host', 'raise the limit (sysctl fs.file-max)'],
  EAGAIN: ['no more processes can be started', 'raise the limit (ulimit -u)'],
  ENOMEM: ['no memory is left', 'free some, or let fewer machines run at a time (--jobs)'],
};

/** A system call that was refused, for a person: what it was about, why, what to do. */
export function refusal(problem: Error): string {
  const { code, syscall } = problem as NodeJS.ErrnoException;
  if (syscall === 'uv_cwd') return 'the directory that you are in is gone; change to another one';
  const program = /^spawn(?:Sync)? (.*)$/.exec(syscall ?? '')?.[1];
  if (code === 'ENOENT' && program !== undefined) return `${program} cannot be started; install it, or look at PATH`;
  const remedy = code === undefined ? undefined : meanings[code]?.[1];
  return remedy === undefined ? refusalReason(problem) : `${refusalReason(problem)}; ${remedy}`;
}

/** The same for whoever knows a better remedy. */
export function refusalReason(problem: Error): string {
  const { code, path, dest, syscall } = problem as NodeJS.ErrnoException & { readonly dest?: string };
  const what = code === undefined ? undefined : meanings[code]?.[0];
  if (what === undefined) return problem.message;
  const subject = dest ?? path;
  return `${subject === undefined ? '' : `${subject}: `}${what} (${code}${syscall === undefined ? '' : `, ${syscall}`})`;
}
