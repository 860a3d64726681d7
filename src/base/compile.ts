/**
 * Functions compiled from source that was made at run time. Cold. What a function uses is passed to its factory, so the
 * same source means the same compiled code: the connections of one thread share it, and what V8 has learned of it.
 */

/** Factories that are remembered; there are some ten texts per exchange. */
const FACTORIES_MAX = 1024;

type Factory = (...tools: unknown[]) => unknown;

const factories = new Map<string, Factory>();

/**
 * The function `name` with these parameters and this body, which may use the tools by their names. The name stands in
 * profiles and stack traces; characters that no identifier has become `_`.
 */
export function compile<F>(
  name: string,
  parameters: string,
  body: readonly string[],
  tools: Readonly<Record<string, unknown>>,
): F {
  const identifier = name.replace(/\W/g, '_');
  const names = Object.keys(tools);
  const text = `return function ${identifier}(${parameters}) {\n${body.join('\n')}\n};\n//# sourceURL=compiled/${identifier}.js`;
  const key = `${names.join()}\n${text}`;
  let factory = factories.get(key);
  if (factory === undefined) {
    factory = new Function(...names, text) as Factory;
    if (factories.size >= FACTORIES_MAX) factories.clear();
    factories.set(key, factory);
  }
  return factory(...Object.values(tools)) as F;
}
