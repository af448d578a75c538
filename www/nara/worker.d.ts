/// <reference lib="esnext.disposable" />
// `light-nara/worker`: a nara in a worker of its own. Its face is that of `light-nara`, but every method gives a promise.

import type { CoreModule, NaraEvents, Stash, Status, WakeOptions } from "./index.js";

export { NaraError } from "./index.js";
export type * from "./index.js";

/** The methods of `T`, each with a promise of what it gives or throws. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : T[K];
};

/** A worker of the browser, or of Node's `worker_threads`. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: MessagePort[]): void;
  terminate(): unknown;
}

/** Services are the one thing missing: functions cannot be sent to a worker. `credentials` and `storage` are called here. */
export interface WorkerWakeOptions extends Omit<WakeOptions, "services"> {
  /** A worker that runs `light-nara/worker-side`, where the bundler does not make one of its own. One for each nara. */
  worker?: WorkerLike;
}

/** A nara that is awake in a worker. Once it sleeps, its worker ends, and every method rejects with `asleep`. */
export class Nara extends EventTarget {
  /** Starts a worker and wakes a nara in it. */
  static wake(options: WorkerWakeOptions): Promise<Nara>;
  private constructor();
  readonly id: string;
  readonly name: string;
  /** Whoever has the soul is this nara. */
  readonly soul: string;
  readonly stash: Remote<Stash>;
  status(): Promise<Status>;
  retryNow(): Promise<void>;
  tick(): Promise<void>;
  sleep(options?: { handOff?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  addEventListener<K extends keyof NaraEvents>(
    type: K,
    listener: (this: Nara, event: NaraEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: ((event: Event) => void) | { handleEvent(event: Event): void } | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof NaraEvents>(
    type: K,
    listener: (this: Nara, event: NaraEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: ((event: Event) => void) | { handleEvent(event: Event): void } | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** Says from where workers load the core, before the first is started. Nothing is loaded in this thread. */
export function init(input?: string | URL | ArrayBuffer | ArrayBufferView | CoreModule): Promise<void>;
