/**
 * Every limit of the program, once, with the relations between them asserted below.
 * Limits that a user may set are options (config/options.ts); what stands here is fixed by a format or a protocol.
 */
import { assert } from './errors.js';

/** Bytes read from a socket at a time; one reused buffer per connection. */
export const SOCKET_CHUNK_BYTES = 64 * 1024;
/** Room in front of the chunk for the unfinished frame of the previous one; longer frames are assembled apart. */
export const FRAME_CARRY_BYTES = 16 * 1024;
/** What messages are read with may look so far behind them, whatever stands there. */
export const READ_AHEAD_BYTES = 128;
/** RFC 6455 §5.5: control frames carry at most 125 bytes. */
export const CONTROL_PAYLOAD_BYTES_MAX = 125;
/** The whole HTTP answer to the upgrade request. */
export const HANDSHAKE_BYTES_MAX = 16 * 1024;
export const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How long a peer may take to answer our close frame, or to end the connection after we answered its own. */
export const CLOSE_TIMEOUT_MS = 1_000;
/** The same while messages that were on their way go on arriving: a socket may hold seconds of them at full load. */
export const CLOSE_LONGEST_MS = 4_000;
/** Pings of one peer within a second; more is a flood, not keep-alive. */
export const PINGS_PER_SECOND_MAX = 100;
/** Silence after which the kernel probes whether the peer is still there. */
export const TCP_KEEPALIVE_MS = 15_000;
/** Unsent bytes of one connection; a peer that does not read gets no more. */
export const SEND_QUEUE_BYTES_MAX = 1024 * 1024;
/** An assembly buffer that one long message made larger than this is given back. */
export const FRAME_ASSEMBLY_KEPT_BYTES = 256 * 1024;
/** Size of one ring in words of 4 bytes. A snapshot with more rows is taken in parts. */
export const RING_WORDS = 2 * 1024 * 1024;
/** The largest record: a text record with the longest text. */
export const RECORD_WORDS_MAX = 4 * 1024;
/** Text of one side-car entry; what is longer is cut and says so. */
export const TEXT_BYTES_MAX = (RECORD_WORDS_MAX - 16) * 4;
/** Worst case of ring words per byte of a message: the shortest repeated element against the widest row. */
export const RING_WORDS_PER_MESSAGE_BYTE = 2;
/** A file name component, in UTF-8 bytes, after escaping. */
export const NAME_BYTES_MAX = 200;
/** A native symbol, in UTF-8 bytes, before escaping. */
export const SYMBOL_BYTES_MAX = 64;
/** Depth of nesting that the JSON tokenizer follows. */
export const JSON_DEPTH_MAX = 32;
/**
 * A message that the JSON parser makes objects of: its bytes and its values. What is larger is read by the byte scanner,
 * which makes none, or refused. Documents that the scanner does not know are hundreds of bytes long.
 */
export const PARSED_BYTES_MAX = 1024 * 1024;
export const PARSED_VALUES_MAX = 50_000;
/**
 * Messages that were refused or are of no known kind, and whose text is kept: per second and connection, and their
 * bytes.
 */
export const REFUSED_KEPT_PER_SECOND = 20;
export const REFUSED_KEPT_BYTES = 2048;
/** Elements of one kind in a message, which need memory while it is read: more than twice those of the largest real one. */
export const MESSAGE_ELEMENTS_MAX = 512 * 1024;
/** Length of the shortest element of a list that an exchange could mean, with its comma: `["1","2"],` or `{"a":1},`. */
export const ELEMENT_BYTES_MIN = 8;
/** A message that a function is compiled from has so many values at most, and so many bytes of text between them. */
export const LEARNED_VALUES_MAX = 64;
export const LEARNED_TEXT_BYTES_MAX = 4096;
/** Values of a message whose places are kept for the next one; beyond them memory is given back. */
export const MESSAGE_VALUES_KEPT = 64 * 1024;
/** Levels per side of an order book that is kept for its checksums; the deepest that are sent have 1,000. */
export const CHECKED_LEVELS_MAX = 4096;
/** Unexplained gaps in the trade ids of one symbol that are remembered at a time. */
export const SEQUENCE_GAPS_MAX = 1024;
/** Changes of one order book that wait for its snapshot: nearly a minute of the fastest streams. */
export const BOOK_CHANGES_KEPT_MAX = 512;
/** Memory for these of all books of one connection. */
export const BOOK_CHANGES_BYTES_MAX = 32 * 1024 * 1024;
/** Streams (exchange, symbol) of one process. */
export const STREAMS_MAX = 65_536;
/** Seconds without a turn after which a shard thread is ended and started again. Its longest turn is one long message. */
export const SHARD_HANG_SECS = 10;
/**
 * Seconds without a turn, or within one sync of the journal, after which the process ends: a disk may be slow, not
 * dead.
 */
export const WRITER_HANG_SECS = 30;
/**
 * Time by the wall clock after a UTC day until its files get their checksums: what is late by seconds, and what a
 * start after a crash has to redo, is in them by then. A row that comes even later is recognised by its place.
 */
export const SEAL_GRACE_SECS = 3_600;
/** Memory of rows that wait for their column files; beyond it the oldest are written early. */
export const STAGED_BYTES_MAX = 256 * 1024 * 1024;
/** Blocks of the journal in memory until they are durable; beyond it the rings wait. Seconds of a stalled disk. */
export const JOURNAL_HELD_BYTES_MAX = 64 * 1024 * 1024;
/** A writer that is stopping and writes nothing for so long has met a dead disk. */
export const WRITER_STOP_MS_MAX = 6000;
/** What the last checkpoint may take of that; without it the next start redoes what the journal holds. */
export const LAST_CHECKPOINT_MS_MAX = 4000;
/** What a sink may take to deliver what is left when it ends; the rest is in the journal for the next start. */
export const SINK_STOP_MS_MAX = 5000;

assert((RING_WORDS & (RING_WORDS - 1)) === 0, 'the ring size is a power of two, positions are masked');
assert(RECORD_WORDS_MAX * 4 <= RING_WORDS, 'several of the largest records fit into a ring');
assert(JOURNAL_HELD_BYTES_MAX >= 2 * RING_WORDS * 4, 'what a full ring holds fits into what is held');
assert(LAST_CHECKPOINT_MS_MAX < WRITER_STOP_MS_MAX, 'a slow last checkpoint is no dead disk');
assert(FRAME_CARRY_BYTES < SOCKET_CHUNK_BYTES, 'a carried frame is shorter than a chunk');
assert(FRAME_CARRY_BYTES > CONTROL_PAYLOAD_BYTES_MAX + 4, 'an unfinished control frame is always carried');
