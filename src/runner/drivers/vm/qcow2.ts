/** QEMU's docs/interop/qcow2: all numbers are big-endian, tables are aligned to clusters. */
const clusterBits = 16;
const clusterBytes = 2 ** clusterBits;
const l2Entries = clusterBytes / 8;

/**
 * An empty qcow2 image of version 3: no backing file is named in it, so what lies below is only ever what QEMU was told on its command line.
 * `virtualBytes` is a multiple of 512.
 */
export function emptyQcow2(virtualBytes: number): Buffer {
  const l1Entries = Math.ceil(virtualBytes / (l2Entries * clusterBytes));
  const l1Clusters = Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes));
  // Clusters: header, refcount table, refcount block, L1 table.
  const clusters = 3 + l1Clusters;
  const image = Buffer.alloc(clusters * clusterBytes);
  image.write('QFI\xfb', 0, 'latin1');
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(clusterBits, 20);
  image.writeBigUInt64BE(BigInt(virtualBytes), 24);
  image.writeUInt32BE(l1Entries, 36);
  image.writeBigUInt64BE(BigInt(3 * clusterBytes), 40);
  image.writeBigUInt64BE(BigInt(clusterBytes), 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(104, 100);
  image.writeBigUInt64BE(BigInt(2 * clusterBytes), clusterBytes);
  for (let cluster = 0; cluster < clusters; cluster++) image.writeUInt16BE(1, 2 * clusterBytes + 2 * cluster);
  return image;
}

/** What an image's header says of it; null where it is no qcow2 image of ours: another file named in it, encrypted, or no qcow2 at all. */
export function readQcow2Header(header: Buffer): { readonly virtualBytes: number } | null {
  if (header.length < 104 || header.toString('latin1', 0, 4) !== 'QFI\xfb') return null;
  const backing = header.readBigUInt64BE(8);
  const encryption = header.readUInt32BE(32);
  const incompatible = header.readUInt32BE(4) >= 3 ? header.readBigUInt64BE(72) : 0n;
  // Bit 0 (dirty) is all that an image of ours may have; bit 2 would name an external data file.
  if (backing !== 0n || encryption !== 0 || (incompatible & ~1n) !== 0n) return null;
  return { virtualBytes: Number(header.readBigUInt64BE(24)) };
}
