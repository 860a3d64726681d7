/** Entry point of pool threads: every export is a task, chosen by its name. The functions live in src. */
export { verifyBooks } from '../src/store/book_check.js';
export { verifyTableDay } from '../src/store/verify.js';
