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

/** by length: what each of the four bytes of a sum becomes behind a piece of so many bytes */
const BEHIND: (Int32Array | undefined)[] = [];

/**
 * Continues with a piece of `length` bytes whose own sum, begun with 0, is `piece`. Four steps instead of one per byte,
 * because what the sum before it contributes depends on the length alone.
 */
export function crcPiece(sum: number, piece: number, length: number): number {
  const behind = BEHIND[length] ?? makeBehind(length);
  return (
    behind[sum & 0xff] ^
    behind[256 | ((sum >>> 8) & 0xff)] ^
    behind[512 | ((sum >>> 16) & 0xff)] ^
    behind[768 | (sum >>> 24)] ^
    piece
  );
}

/** Cold: once per length. */
function makeBehind(length: number): Int32Array {
  const behind = Int32Array.from({ length: 1024 }, (_, at) => {
    let sum = (at & 0xff) << (8 * (at >>> 8));
    for (let i = 0; i < length; i++) sum = crcByte(sum, 0);
    return sum;
  });
  BEHIND[length] = behind;
  return behind;
}

/** The checksum as u32. */
export function crcEnd(sum: number): number {
  return ~sum >>> 0;
}
