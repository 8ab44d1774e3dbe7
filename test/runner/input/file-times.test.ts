import { describe, expect, test } from 'vitest';
import { fileTimes, fileTimesAt, mountType } from '../../../src/runner/input/file-times.ts';

const never = (): string => {
  throw new Error('the number was enough');
};

describe('times tell that something is as it was', () => {
  test.each([
    ['ext4', 0xef53],
    ['overlay', 0x794c7630],
    ['btrfs', 0x9123683e],
  ])('of files and directories on %s', (_name, type) => {
    expect(fileTimes(type, never)).toEqual({ files: true, directories: true });
  });

  test('of files only where others may answer for a directory', () => {
    const nfs = 0x6969;
    expect(fileTimes(nfs, never)).toEqual({ files: true, directories: false });
    expect(fileTimes(0x65735546, () => 'virtiofs')).toEqual({ files: true, directories: false });
  });

  test.each([
    ['an image that may have been exchanged', 0x73717368],
    ['FAT', 0x4d44],
    ['a program', 0x65735546],
  ])('of nothing on %s', (_what, type) => {
    expect(fileTimes(type, () => 'fuse.sshfs')).toEqual({ files: false, directories: false });
  });

  test('of nothing where the system says nothing', () => {
    expect(fileTimesAt('/nowhere/at/all')).toEqual({ files: false, directories: false });
  });
});

test('what is mounted where is told by the deepest mount above, of several the last', () => {
  const table = [
    '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '30 22 0:40 / /work rw - fuse.sshfs host:/ rw',
    '31 30 0:41 / /work/my\\040repo rw master:2 - virtiofs share rw',
    '32 22 0:42 / /over rw - tmpfs none rw',
    '33 22 0:43 / /over rw - squashfs /dev/loop0 ro',
    '',
  ].join('\n');
  expect(mountType(table, '/work/x')).toBe('fuse.sshfs');
  expect(mountType(table, '/work/my repo/web')).toBe('virtiofs');
  expect(mountType(table, '/over')).toBe('squashfs');
  expect(mountType(table, '/workshop')).toBe('ext4');
  expect(mountType('', '/')).toBeNull();
});
