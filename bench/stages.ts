/** The stages of `logger bench` in the order in which they run; each is a module of bench/stages/. */
import type { Stage } from './stage.js';

export const STAGES: readonly Stage[] = [
  {
    name: 'sinks',
    summary: 'what delivering costs',
    seconds: 0,
    load: () => import('./stages/sinks.js'),
  },
];
