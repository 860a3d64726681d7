// Which tests may be skipped, and for what reason: test/skips.json. Used by test.mjs.

/** A skipped test as one line. */
export function skipLine({ file, name, reason }) {
  return `${file}: ${name} (${reason})`;
}

/**
 * What is wrong with the skips of a run, a line each. A reason must be listed with its file, and in CI the tool that is
 * lacking must not be one that CI installs.
 */
export function skipProblems(skips, allowed, inCi) {
  return skips.flatMap((skip) => {
    const entry = allowed.find(({ reason, files }) => reason === skip.reason && files.includes(skip.file));
    if (entry === undefined) return [`not listed in test/skips.json: ${skipLine(skip)}`];
    return inCi && entry.installed_by_ci ? [`not to be skipped in CI: ${skipLine(skip)}`] : [];
  });
}

/** Skips by reason, as lines for people. */
export function skipSummary(skips) {
  const reasons = [...new Set(skips.map(({ reason }) => reason))].sort();
  return reasons.flatMap((reason) => {
    const some = skips.filter((skip) => skip.reason === reason);
    return [`skipped, ${reason}: ${some.length}`, ...some.map(({ file, name }) => `  ${file}: ${name}`)];
  });
}
