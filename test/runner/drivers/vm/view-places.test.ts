import { expect, test } from 'vitest';
import { mountPoints, mountsIn } from '../../../../src/runner/drivers/vm/view-places.ts';

const mountinfo = [
  '21 1 254:0 /machine / rw,relatime shared:3 - ext4 /dev/vda rw',
  '54 21 0:27 / /w rw,nodev shared:41 master:7 - overlay overlay rw,lowerdir=5:6,upperdir=/disk/layers/3/upper,workdir=/disk/layers/3/work',
  '55 21 0:28 / /a\\040b rw - tmpfs none rw,size=4k',
  '',
].join('\n');

test('mounts are where, on which device and of whose group mountinfo says', () => {
  expect(mountPoints(mountinfo)).toEqual(['/', '/w', '/a b']);
  const [root, overlay, plain] = mountsIn(mountinfo);
  expect(root).toMatchObject({ device: 'fe00000', group: '3' });
  expect(overlay).toMatchObject({ device: '1b', group: '41' });
  expect(overlay?.options).toContain('upperdir=/disk/layers/3/upper,');
  expect(plain).toEqual({ point: '/a b', device: '1c', options: 'rw,size=4k,', group: null });
});
