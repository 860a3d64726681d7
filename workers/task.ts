/** Entry point of pool threads: every export is a task, chosen by its name. The functions live in src. */
export { verifyBooks } from '../src/store/verify/books.js';
export { verifyTableDay } from '../src/store/verify/table_day.js';
