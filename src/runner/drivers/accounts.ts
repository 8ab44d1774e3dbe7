import type { GuestPath } from '../../host.ts';
import type { Account } from './users.ts';
import { addAccount, findAccount, groupsOf, joinRootGroup } from './users.ts';

/** The files of a machine that say who is who, as whatever is inside reads and writes them. */
export interface AccountFiles {
  /** Null where it cannot be read. */
  read(path: string): Promise<string | null>;
  /** Replaces a file of root's. */
  write(path: string, text: string, mode: number): Promise<void>;
  makeHome(account: Account): Promise<void>;
}

/** Creates a user and its home where they are missing, and makes it a member of group root. */
export async function ensureUser(
  files: AccountFiles,
  name: string,
): Promise<{ readonly uid: number; readonly gid: number; readonly home: GuestPath }> {
  const passwd = await files.read('/etc/passwd');
  const group = await files.read('/etc/group');
  let account = findAccount(passwd ?? '', name);
  let members = group ?? '';
  if (account === null) {
    const shadow = await files.read('/etc/shadow');
    const added = addAccount({ passwd: passwd ?? '', group: members, shadow }, name);
    account = added.account;
    members = added.accounts.group;
    await files.write('/etc/passwd', added.accounts.passwd, 0o644);
    if (added.accounts.shadow !== null) await files.write('/etc/shadow', added.accounts.shadow, 0o640);
    await files.makeHome(account);
  }
  if (account.uid !== 0) members = joinRootGroup(members, account.name);
  if (members !== group) await files.write('/etc/group', members, 0o644);
  return { uid: account.uid, gid: account.gid, home: account.home };
}

/** Who a command runs as; null where there is no such user. root is root, whatever the files say. */
export async function accountOf(
  files: Pick<AccountFiles, 'read'>,
  name: string,
): Promise<(Account & { readonly groups: readonly number[] }) | null> {
  if (name === 'root') return { name, uid: 0, gid: 0, home: '/root' as GuestPath, groups: [0] };
  const account = findAccount((await files.read('/etc/passwd')) ?? '', name);
  return account === null ? null : { ...account, groups: groupsOf((await files.read('/etc/group')) ?? '', account) };
}
