import { expect, it } from 'vitest';
import { addAccount, findAccount, groupsOf, joinRootGroup } from '../../../src/runner/drivers/users.ts';

const passwd = 'root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n';
const group = 'root:x:0:\nann:x:1000:\ndocker:x:999:bob,ann\n';

it('finds an account by name and by number', () => {
  expect(findAccount(passwd, 'ann')).toEqual({ name: 'ann', uid: 1000, gid: 1000, home: '/home/ann' });
  expect(findAccount(passwd, '1000')?.name).toBe('ann');
  expect(findAccount(passwd, 'an')).toBeNull();
  expect(findAccount('', 'root')).toBeNull();
});

it('names all groups of an account, its own first', () => {
  expect(groupsOf(group, { name: 'ann', uid: 1000, gid: 1000, home: '/' as never })).toEqual([1000, 999]);
});

it('adds an account with the first number that neither file has taken', () => {
  const { accounts, account } = addAccount(
    { passwd: passwd.trimEnd(), group: `${group}x:x:1001:\n`, shadow: '' },
    'bob',
  );
  expect(account).toEqual({ name: 'bob', uid: 1002, gid: 1002, home: '/home/bob' });
  expect(accounts.passwd).toBe(`${passwd}bob:x:1002:1002::/home/bob:/bin/bash\n`);
  expect(accounts.group).toBe(`${group}x:x:1001:\nbob:x:1002:\n`);
  expect(accounts.shadow).toBe('bob:!:19000:0:99999:7:::\n');
});

it('takes a name that is a number for the number', () => {
  expect(addAccount({ passwd, group, shadow: null }, '4242').account).toEqual({
    name: 'user4242',
    uid: 4242,
    gid: 4242,
    home: '/home/user4242',
  });
});

it('makes an account a member of group root once', () => {
  const joined = joinRootGroup(group, 'ann');
  expect(joined.split('\n')[0]).toBe('root:x:0:ann');
  expect(joinRootGroup(joined, 'ann')).toBe(joined);
  expect(joinRootGroup(joined, 'bob').split('\n')[0]).toBe('root:x:0:ann,bob');
  expect(joinRootGroup('', 'bob')).toBe('root:x:0:bob\n');
});
