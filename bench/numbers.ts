/** Numbers of figures as text. */

const SIGNIFICANT = 3;

/** Three digits that say something; whole numbers keep all of theirs. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(SIGNIFICANT)));
}

export function percentText(part: number): string {
  return `${Math.round(part * 100)} %`;
}
