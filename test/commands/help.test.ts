/** What a newcomer asks the program first: help of every command, and what follows a slip of the finger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT } from '../../src/base/errors.js';
import { logger } from './run_logger.js';

/** Words that lead to a command, and its help. */
interface Page {
  readonly words: readonly string[];
  readonly help: string;
  readonly children: readonly string[];
}

/** Every command as the help of those above it names them. */
function pages(words: readonly string[] = []): Page[] {
  const { status, stdout: help } = logger([...words, '--help']);
  assert.equal(status, EXIT.ok);
  const listed = /\nCommands:\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '';
  const names = [...listed.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name!);
  const children = names.filter((name) => name !== 'help');
  return [{ words, help, children }, ...children.flatMap((name) => pages([...words, name]))];
}

const PAGES = pages();

/** The options of a page, each with all it says in one line. */
function optionsOf({ help }: Page): string[] {
  const listed = /\nOptions:\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '';
  return listed.split(/\n(?= {2}-)/).map((option) => option.replace(/\s+/g, ' ').trim());
}

test('every command tells of examples, exit statuses and the default of each option', () => {
  assert.ok(PAGES.length > 12);
  for (const page of PAGES) {
    const name = ['logger', ...page.words].join(' ');
    assert.match(page.help, /\nExamples?:\n {2}\$ /, name);
    assert.match(page.help, /\nExit status:\n {2}0 [\s\S]*\n {2}2 [\s\S]*\n {2}70 [\s\S]*\n {2}74 /, name);
    for (const option of optionsOf(page)) {
      if (!/^(-\w, )?--[\w-]+ [<[]/.test(option)) continue;
      assert.match(option, /\(.*\bdefault: /, `${name} ${option}`);
    }
  }
});

/** Groups that do something without a command: `logger sinks` lists. */
const WITH_OWN_ACTION = ['sinks'];

test('a group of commands without one is wrong use: its help, and one status for all', () => {
  const groups = PAGES.filter(
    ({ words, children }) => children.length > 0 && !WITH_OWN_ACTION.includes(words.join(' ')),
  );
  assert.ok(groups.length >= 2);
  for (const { words, help } of groups)
    assert.deepEqual(logger(words), { status: EXIT.usage, stdout: '', stderr: help }, words.join(' '));
});

/** The word with two letters swapped. */
function slip(word: string): string {
  const at = word.length - 3;
  return word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
}

test('a slip in a command or an option is answered with what was meant', () => {
  for (const page of PAGES) {
    const longest = optionsOf(page)
      .flatMap((option) => /--[\w-]+/.exec(option)?.[0] ?? [])
      .sort((a, b) => b.length - a.length)[0]!;
    for (const meant of [longest, ...page.children.slice(0, 1)]) {
      const wrong = slip(meant);
      if (wrong === meant) continue;
      const { status, stderr } = logger([...page.words, wrong]);
      assert.equal(status, EXIT.usage);
      const what = meant.startsWith('--') ? 'option' : 'command';
      assert.equal(stderr, `logger: unknown ${what} '${wrong}' (Did you mean ${meant}?)\n`);
    }
  }
});
