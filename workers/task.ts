/** Entry point of pool threads: every export is a task, chosen by its name. The functions live in src. */
export { verifyBooksTask } from '../src/commands/verify_books_task.js';
export { verifyTableDay } from '../src/store/verify/table_day.js';
