// Runs the compiled tests with Node's own runner; arguments narrow the choice, e.g. `npm test -- frames`.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const wanted = process.argv.slice(2);
const files = readdirSync('dist/test', { recursive: true })
  .filter(
    (file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((w) => file.includes(w))),
  )
  // what is left of a test that was removed is no test
  .filter((file) => existsSync(join('test', file.replace(/\.js$/, '.ts'))))
  .map((file) => join('dist/test', file))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ') || 'dist/test/**/*.test.js'}`);
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=2', ...files], {
  stdio: 'inherit',
});
process.exit(status ?? 1);
