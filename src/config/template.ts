/**
 * Templates of names that rows get in a target: text with placeholders such as `{symbol}`. Checked when the configuration
 * is read, filled by sinks. Braces around a placeholder stay: `{{symbol}}` becomes `{BTC-USD}`.
 */

const PLACEHOLDER = /\{(\w+)\}/g;
/** What is left without the placeholders: braces in pairs or none. */
const REST = /^[^{}]*(\{[^{}]*\}[^{}]*)*$/;

export interface TemplateRule {
  readonly placeholders: readonly string[];
  /** of these, those that must be there */
  readonly required?: readonly string[];
}

/** Why a text is no such template; undefined when it is one. */
export function refusesTemplate(
  text: string,
  { placeholders, required = [] }: TemplateRule,
): string | undefined {
  const named = [...text.matchAll(PLACEHOLDER)].map(([, name]) => name);
  const unknown = named.find((name) => !placeholders.includes(name));
  if (unknown !== undefined) return `there is no {${unknown}}`;
  const lacking = required.find((name) => !named.includes(name));
  if (lacking !== undefined) return `it lacks {${lacking}}`;
  if (!REST.test(text.replaceAll(PLACEHOLDER, ''))) return 'its braces do not match';
  return undefined;
}

/**
 * The template with its placeholders filled. Values come from exchanges: what is no letter, digit, dot, dash or underscore
 * is written %HH, so that no value is taken for a part of the template.
 */
export function fillTemplate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(PLACEHOLDER, (whole, name) => {
    const value = values[name];
    return value === undefined ? whole : encodeURIComponent(value).replaceAll(/[!~*'()]/g, percent);
  });
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
