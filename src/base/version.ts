/** The version of this program, as package.json at the project root says it. Any thread. */
import { createRequire } from 'node:module';

// from dist/src/base/ up to the project root
export const VERSION: string = createRequire(import.meta.url)('../../../package.json').version;

/** How this program introduces itself to servers. */
export const USER_AGENT = `logger/${VERSION}`;
