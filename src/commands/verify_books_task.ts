/** The task of `logger verify` that follows the books of a symbol, in a pool thread or on the main thread. */
import { findExchange } from '../exchanges/index.js';
import { type BookReport, type BookRequest, verifyBooks } from '../store/verify/books.js';

/** By the rule that the exchange declares; books of an exchange that there is no file of any more by none. */
export async function verifyBooksTask(request: BookRequest): Promise<BookReport> {
  const exchange = await findExchange(request.exchange);
  return verifyBooks(request, exchange?.book);
}
