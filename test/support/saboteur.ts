/**
 * Loaded with `--import` into the main thread of a logger under test: evaluates JavaScript inside one of its threads
 * through the inspector, so that a thread throws, ends or hangs without the program having a door for that. The test
 * sends `{ thread, code }`; `thread` is the name that the log uses.
 */
import { type InspectorNotification, Session } from 'node:inspector';

interface Attached {
  readonly sessionId: string;
  readonly workerInfo: { readonly title: string };
}

interface Order {
  readonly thread: string;
  readonly code: string;
}

const sessions = new Map<string, string>();
const session = new Session();
session.connect();
session.on('NodeWorker.attachedToWorker', ({ params }: InspectorNotification<Attached>) => {
  // e.g. `[worker 2] shard-0`
  sessions.set(params.workerInfo.title.replace(/^.*\] /, ''), params.sessionId);
});
session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });

// a program that ends because it has nothing left to do still does
process.channel?.unref();
process.on('message', ({ thread, code }: Order) => {
  const sessionId = sessions.get(thread);
  if (sessionId === undefined)
    throw new Error(`there is no thread ${thread}, only ${[...sessions.keys()].join(', ')}`);
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: code } });
  session.post('NodeWorker.sendMessageToWorker', { sessionId, message });
});
