// Services of one's own in JavaScript: what they declare, checked, and the context that their handlers get.

import { fromCore, NaraError } from "./errors.js";

const CALL_DEADLINE_MS = 30_000;
const TYPES = new Set(["request", "protocol", "ephemeral", "local"]);

/** Checks what `Nara.wake` is given as `services`, and says it as the core takes it. */
export function declared(services) {
  if (!Array.isArray(services)) throw invalid("services", "they must be an array");
  return services.map((service, index) => {
    const { name, behaviours } = service ?? {};
    if (typeof name !== "string") throw invalid(`services[${index}].name`, "it must be a string");
    if (!isObject(behaviours)) throw invalid(`services: ${name}`, "behaviours must be an object, by kind");
    for (const hook of ["start", "stop"]) {
      if (service[hook] !== undefined) checkFunction(`services: ${name}.${hook}`, service[hook]);
    }
    return { name, kinds: Object.entries(behaviours).map(([kind, one]) => declaredKind(name, kind, one)) };
  });
}

function declaredKind(service, kind, behaviour) {
  const field = `services: ${service}: ${kind}`;
  if (!isObject(behaviour)) throw invalid(field, "it must be an object");
  const { type = "request", topic, rateLimit } = behaviour;
  if (!TYPES.has(type)) throw invalid(field, `type must be one of ${[...TYPES].join(", ")}`);
  if (rateLimit !== undefined && !(isWhole(rateLimit?.count) && isWhole(rateLimit?.perMs))) {
    throw invalid(field, "rateLimit needs count and perMs, both whole numbers");
  }
  const versions = Object.entries(versionsOf(behaviour)).map(([version, one]) => {
    const { fields = [], handle } = one ?? {};
    if (!Array.isArray(fields) || !fields.every((name) => typeof name === "string")) {
      throw invalid(field, "fields must be an array of names");
    }
    if (handle !== undefined) checkFunction(`${field}: handle`, handle);
    return { version, fields };
  });
  return { kind, type, topic, rateLimit, versions };
}

/** Version 1 may be written without naming it. */
function versionsOf({ versions, fields, handle }) {
  return versions ?? { 1: { fields, handle } };
}

/** The services of one nara, while it is awake. */
export class Services {
  #peer;
  #status;
  #services;
  #calls = new Map();
  #hasEnded = false;

  /** `nara` is what the context needs of it: `{ peer, me, status }`. */
  constructor(services, { peer, me, status }) {
    this.#peer = peer;
    this.#status = status;
    this.#services = new Map(services.map((service) => [service.name, { service, ctx: this.#context(service, me) }]));
  }

  /** The nara is awake. Like every handler, in a microtask: nobody hears anything before `wake` has returned. */
  start() {
    for (const name of this.#services.keys()) queueMicrotask(() => this.#run(name, "start", ({ service, ctx }) => service.start?.(ctx)));
  }

  /** What the core tells about a service. */
  tell({ service, what, kind, version, payload, from, name, messageId, ticket }) {
    const message = what === "no_reply" ? undefined : { id: from?.id ?? null, key: from?.key ?? null, name, kind, version, messageId };
    if (what !== "message") {
      const call = this.#calls.get(ticket);
      this.#calls.delete(ticket);
      // What ends a call that was aborted meanwhile has nobody to tell.
      return message ? call?.resolve({ payload: JSON.parse(payload), from: message }) : call?.reject(new NaraError("no_answer", payload));
    }
    message.reply = (kind, answer = {}) => this.#core(() => this.#peer.serviceReply(service, ticket, kind, toJson(answer)));
    this.#run(service, kind, (one) => {
      return versionsOf(one.service.behaviours[kind])[version]?.handle?.call(one.service, one.ctx, JSON.parse(payload), Object.freeze(message));
    });
  }

  /** The nara goes to sleep: last words, and an end for every call. */
  stop() {
    for (const name of this.#services.keys()) this.#run(name, "stop", ({ service, ctx }) => service.stop?.(ctx));
    for (const { reject } of this.#calls.values()) reject(new NaraError("asleep", "this nara went to sleep meanwhile"));
    this.#calls.clear();
  }

  /** What a handler throws is logged; nothing else ends by it. */
  #run(name, what, handle) {
    const failed = (error) => this.#peer.serviceLog(name, "error", `${what}: ${error?.message ?? error}`);
    try {
      const result = handle(this.#services.get(name));
      if (typeof result?.then === "function") result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  #context({ name, behaviours }, me) {
    const peer = this.#peer;
    const log = (level) => (text) => peer.serviceLog(name, level, String(text));
    return Object.freeze({
      me,
      now: () => peer.serviceNow(),
      emit: (kind, payload = {}) => this.#core(() => peer.serviceEmit(name, kind, toJson(payload))),
      send: (to, kind, payload = {}) => this.#core(() => peer.serviceSend(name, ...receiver(to), kind, toJson(payload))),
      call: (to, kind, payload = {}, options = {}) => this.#call(name, behaviours[kind]?.answeredBy, to, kind, payload, options),
      reply: (message, kind, payload = {}) => message.reply(kind, payload),
      seal: (plaintext) => this.#core(() => sealed(peer.serviceSeal(name, plaintext))),
      open: ({ nonce, ciphertext }) => this.#core(() => peer.serviceOpen(name, nonce, ciphertext)),
      peers: () => this.#status().peers,
      log: Object.freeze({ debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") }),
    });
  }

  async #call(service, answeredBy, to, kind, payload, { signal, deadline = CALL_DEADLINE_MS }) {
    if (typeof answeredBy !== "string") throw invalid(kind, "answeredBy must name the kind of its answer");
    if (signal?.aborted) throw aborted();
    const begin = () => this.#peer.serviceCall(service, ...receiver(to), kind, toJson(payload), answeredBy, deadline);
    const ticket = this.#core(begin);
    let abort;
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(ticket, { resolve, reject });
        abort = () => {
          this.#calls.delete(ticket);
          this.#peer.serviceCancel(service, ticket);
          reject(aborted());
        };
        signal?.addEventListener("abort", abort, { once: true });
      });
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The nara has no keys any more. */
  end() {
    this.#hasEnded = true;
  }

  #core(run) {
    if (this.#hasEnded) throw new NaraError("asleep", "this nara sleeps; wake it again");
    try {
      return run();
    } catch (error) {
      throw fromCore(error);
    }
  }
}

/** A peer of `peers()`, what a handler is given as `from`, or an id alone. */
function receiver(to) {
  const { id, key } = typeof to === "string" ? { id: to } : (to ?? {});
  if (typeof id !== "string") throw invalid("to", "it must be a peer or an id");
  return [id, key ?? undefined];
}

function sealed({ nonce, ciphertext }) {
  return { nonce: Uint8Array.from(nonce), ciphertext: Uint8Array.from(ciphertext) };
}

function toJson(payload) {
  if (!isObject(payload)) throw invalid("payload", "it must be an object");
  return JSON.stringify(payload);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value) {
  return Number.isInteger(value) && value > 0;
}

function checkFunction(field, value) {
  if (typeof value !== "function") throw invalid(field, "it must be a function");
}

function invalid(field, why) {
  return new NaraError("option_invalid", `${field}: ${why}`);
}

function aborted() {
  return new NaraError("aborted", "the caller stopped waiting");
}
