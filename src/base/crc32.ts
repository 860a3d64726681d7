/**
 * HOT: CRC-32 (ISO-HDLC, that of zlib) over bytes that do not lie in one piece: a sum begins with CRC_START, goes
 * through its pieces, and ends with crcEnd(). For one piece in memory the crc32 of node:zlib is faster.
 */
export const CRC_START = -1;

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});

export function crcByte(sum: number, byte: number): number {
  return TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8);
}

/** Continues with bytes[from, to). */
export function crcBytes(sum: number, bytes: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) sum = TABLE[(sum ^ bytes[i]) & 0xff] ^ (sum >>> 8);
  return sum;
}

/** The checksum as u32. */
export function crcEnd(sum: number): number {
  return ~sum >>> 0;
}
