// Runs the compiled tests with Node's own runner. Some files: `npm test -- frames rows`, others: `--without bench`, one
// test: `npm test -- base/number --name 'agrees with Python'`. Ends with what was skipped and why; a skip that
// test/skips.json does not list is a failure, and with CI=true also one for a tool that CI installs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';
import { skipProblems, skipSummary } from './skips.mjs';

const ROOT = 'dist/test';
const FILES_AT_ONCE = 2;

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string' }, without: { type: 'string', multiple: true, default: [] } },
});
const chosen = (file) =>
  (wanted.length === 0 || wanted.some((part) => file.includes(part))) &&
  !values.without.some((part) => file.includes(part));
const files = readdirSync(ROOT, { recursive: true })
  .filter((file) => file.endsWith('.test.js') && chosen(file))
  // what is left of a test that was removed is no test
  .filter((file) => existsSync(join('test', file.replace(/\.js$/, '.ts'))))
  .map((file) => resolve(ROOT, file))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ') || `${ROOT}/**/*.test.js`}`);
  process.exit(2);
}

const counts = { passed: 0, failed: 0 };
const skips = [];
const events = run({ files, concurrency: FILES_AT_ONCE, testNamePatterns: values.name });
events.on('test:pass', ({ name, file, skip, details }) => {
  if (skip !== undefined && skip !== false)
    skips.push({ file: relative(ROOT, file).replace(/\.test\.js$/, ''), name, reason: String(skip) });
  else if (details.type !== 'suite') counts.passed++;
});
events.on('test:fail', ({ details, todo }) => {
  if (todo !== undefined && todo !== false) return;
  process.exitCode = 1;
  if (details.type !== 'suite') counts.failed++;
});
events.compose(new spec()).on('end', summarize).pipe(process.stdout);

function summarize() {
  // older runners report what a name pattern leaves out as skipped
  const shown = values.name === undefined ? skips : [];
  const problems = skipProblems(
    shown,
    JSON.parse(readFileSync('test/skips.json', 'utf8')),
    process.env.CI === 'true',
  );
  for (const line of skipSummary(shown)) console.log(line);
  for (const line of problems) console.error(line);
  if (problems.length > 0) process.exitCode = 1;
  console.log(
    `${files.length} files: ${counts.passed} passed, ${counts.failed} failed, ${shown.length} skipped` +
      (problems.length > 0 ? `, ${problems.length} of them wrongly` : ''),
  );
}
