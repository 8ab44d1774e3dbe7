import type { GuestPath } from '../../host.ts';

/** A machine's account, as passwd(5) has it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: GuestPath;
}

/** The machine's account files. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string | null;
}

/** Finds an account by its name, or by its number where the name is one. */
export function findAccount(passwd: string, name: string): Account | null {
  for (const line of passwd.split('\n')) {
    const [account, , uid, gid, , home] = line.split(':');
    if (account === undefined || uid === undefined || gid === undefined) continue;
    if (account !== name && !(/^\d+$/.test(name) && uid === name)) continue;
    return { name: account, uid: Number(uid), gid: Number(gid), home: (home || '/') as GuestPath };
  }
  return null;
}

/** All groups of an account, its own first. */
export function groupsOf(group: string, account: Account): readonly number[] {
  const groups = new Set([account.gid]);
  for (const line of group.split('\n')) {
    const [, , gid, members] = line.split(':');
    if (gid !== undefined && members?.split(',').includes(account.name) === true) groups.add(Number(gid));
  }
  return [...groups];
}

/** Adds an account with a group and home of its own, with the first free number from 1000; a name that is a number is that number. */
export function addAccount(
  accounts: Accounts,
  name: string,
): { readonly accounts: Accounts; readonly account: Account } {
  const taken = new Set([...numbers(accounts.passwd), ...numbers(accounts.group)]);
  let uid = /^\d+$/.test(name) ? Number(name) : 1000;
  while (!/^\d+$/.test(name) && taken.has(uid)) uid++;
  const login = /^\d+$/.test(name) ? `user${name}` : name;
  const account: Account = { name: login, uid, gid: uid, home: `/home/${login}` as GuestPath };
  return {
    account,
    accounts: {
      passwd: append(accounts.passwd, `${login}:x:${uid}:${uid}::${account.home}:/bin/bash`),
      group: append(accounts.group, `${login}:x:${uid}:`),
      shadow: accounts.shadow === null ? null : append(accounts.shadow, `${login}:!:19000:0:99999:7:::`),
    },
  };
}

/** Makes an account a member of the group with number 0; returns the text unchanged where it is one. */
export function joinRootGroup(group: string, name: string): string {
  let found = false;
  const lines = group.split('\n').map((line) => {
    const [title, password, gid, members = ''] = line.split(':');
    if (gid !== '0' || found) return line;
    found = true;
    const list = members.split(',').filter((member) => member !== '');
    return list.includes(name) ? line : [title, password, gid, [...list, name].join(',')].join(':');
  });
  return found ? lines.join('\n') : append(group, `root:x:0:${name}`);
}

function numbers(table: string): readonly number[] {
  return table.split('\n').map((line) => Number(line.split(':')[2]));
}

function append(table: string, line: string): string {
  return `${table === '' || table.endsWith('\n') ? table : `${table}\n`}${line}\n`;
}
