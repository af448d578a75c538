// Services of one's own in JavaScript: what they declare, checked, and the context that their handlers get.

import { NaraError } from "./errors.js";
import { checkKeys, checkOperation, invalid } from "./options.js";
import { toJson } from "./stash.js";

const CALL_DEADLINE_MS = 30_000;
const TYPES = new Set(["request", "protocol", "ephemeral", "local"]);
const TO_EVERYBODY = new Set(["protocol", "ephemeral"]);
const OF_VERSION = ["fields", "handle"];
const OF_KIND = ["type", "topic", "answeredBy", "rateLimit", "versions", ...OF_VERSION];
/** Of one nara, of one service, of one kind, and of one version. */
const [SERVICES_MAX, KINDS_MAX, VERSIONS_MAX, FIELDS_MAX] = [16, 32, 8, 64];

/** Checks what `Nara.wake` is given as `services`: `lines` says it as the core takes it, and `by(nara)` brings it to life. */
export function served(services) {
  return { lines: linesOf(services), by: (nara) => new Services(services, nara) };
}

function linesOf(services) {
  checkCount("services", services, SERVICES_MAX);
  const declared = new Set(services.flatMap((service) => Object.keys(service?.behaviours ?? {})));
  return services.flatMap((service, index) => {
    const { name, behaviours } = service ?? {};
    if (typeof name !== "string") throw invalid(`services[${index}].name`, "it must be a string");
    const field = `services: ${name}`;
    if (!isObject(behaviours)) throw invalid(field, "behaviours must be an object, by kind");
    for (const hook of ["start", "stop"]) {
      if (service[hook] !== undefined) checkFunction(`${field}.${hook}`, service[hook]);
    }
    const kinds = Object.entries(behaviours);
    checkCount(field, kinds, KINDS_MAX);
    return [["service", name], ...kinds.flatMap(([kind, one]) => linesOfKind(`${field}: ${kind}`, kind, one, declared))];
  });
}

function linesOfKind(field, kind, behaviour, declared) {
  if (!isObject(behaviour)) throw invalid(field, "it must be an object");
  checkKeys(behaviour, OF_KIND, `${field}: `);
  const { type = "request", topic = "", answeredBy, rateLimit, versions: several } = behaviour;
  if (!TYPES.has(type)) throw invalid(field, `type must be one of ${[...TYPES].join(", ")}`);
  if (typeof topic !== "string") throw invalid(field, "topic must be a string");
  if (/[#+]/.test(topic)) throw invalid(field, "topic must be one topic, without the wildcards # and +");
  if (topic !== "" && !TO_EVERYBODY.has(type)) throw invalid(field, `topic is for ${[...TO_EVERYBODY].join(" and ")} alone, not for ${type}`);
  if (answeredBy !== undefined && !declared.has(answeredBy)) throw invalid(field, `answeredBy must name a kind that is declared, not ${answeredBy}`);
  if (several !== undefined && OF_VERSION.some((key) => behaviour[key] !== undefined)) {
    throw invalid(field, "fields and handle go into versions where there are such");
  }
  if (rateLimit !== undefined && !(isWhole(rateLimit?.count) && isWhole(rateLimit?.perMs))) {
    throw invalid(field, "rateLimit needs count and perMs, both whole numbers");
  }
  const versions = Object.entries(versionsOf(behaviour)).map(([version, one]) => {
    checkKeys(one, OF_VERSION, `${field}: `, `${field}: versions`);
    const { fields = [], handle } = one;
    if (!Array.isArray(fields) || !fields.every((name) => typeof name === "string")) {
      throw invalid(field, "fields must be an array of names");
    }
    checkCount(field, fields, FIELDS_MAX, " fields");
    const twice = fields.find((name, at) => fields.indexOf(name) !== at);
    if (twice !== undefined) throw invalid(field, `fields has ${twice} twice`);
    if (handle !== undefined) checkFunction(`${field}: handle`, handle);
    return ["version", version, ...fields];
  });
  if (versions.length === 0 || versions.length > VERSIONS_MAX) throw invalid(field, `1 to ${VERSIONS_MAX} versions are needed`);
  const limit = rateLimit ? [rateLimit.count, rateLimit.perMs].map(String) : [];
  return [["kind", kind, type, topic, ...limit], ...versions];
}

/** Version 1 may be written without naming it. */
function versionsOf({ versions, fields, handle }) {
  return versions ?? { 1: { fields, handle } };
}

/** The services of one nara, while it is awake. */
class Services {
  #driver;
  #status;
  #services;
  #calls = new Map();
  #hasEnded = false;

  /** `nara` is what the context needs of it: `{ driver, me, status }`. */
  constructor(services, { driver, me, status }) {
    this.#driver = driver;
    this.#status = status;
    this.#services = new Map(services.map((service) => [service.name, { service, ctx: this.#context(service, me) }]));
  }

  /** The nara is awake. Like every handler, in a microtask: nobody hears anything before `wake` has returned. */
  start() {
    for (const name of this.#services.keys()) queueMicrotask(() => this.#run(name, "start", ({ service, ctx }) => service.start?.(ctx)));
  }

  /** What the core tells about a service. */
  tell({ service, what, kind, version, payload, id = null, key = null, name, messageId, ticket }) {
    const message = what === "no_reply" ? undefined : { id, key, name, kind, version, messageId };
    if (what !== "message") {
      const call = this.#calls.get(ticket);
      this.#calls.delete(ticket);
      // What ends a call that was aborted meanwhile has nobody to tell.
      return message ? call?.resolve({ payload: JSON.parse(payload), from: message }) : call?.reject(new NaraError("no_answer", payload));
    }
    message.reply = (kind, answer = {}) => this.#core("serviceReply", service, kind, asText(answer), ticket);
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
    const failed = (error) => this.#driver.run("serviceLog", name, "error", `${what}: ${error?.message ?? error}`);
    try {
      const result = handle(this.#services.get(name));
      if (typeof result?.then === "function") result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  #context({ name, behaviours }, me) {
    const log = (level) => (text) => this.#driver.run("serviceLog", name, level, text);
    return Object.freeze({
      me,
      now: () => this.#driver.run("serviceNow"),
      emit: (kind, payload = {}) => this.#core("serviceEmit", name, kind, asText(payload)),
      send: (to, kind, payload = {}) => this.#core("serviceSend", name, kind, asText(payload), ...receiver(to)),
      call: (to, kind, payload = {}, options = {}) => this.#call(name, behaviours[kind]?.answeredBy, to, kind, payload, options),
      reply: (message, kind, payload = {}) => message.reply(kind, payload),
      seal: (plaintext) => this.#awake().seal(name, bytesOf("plaintext", plaintext)),
      open: ({ nonce, ciphertext } = {}) => this.#awake().open(name, { nonce: bytesOf("nonce", nonce), ciphertext: bytesOf("ciphertext", ciphertext) }),
      peers: () => this.#status().peers,
      log: Object.freeze({ debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") }),
    });
  }

  async #call(service, answeredBy, to, kind, payload, options) {
    checkOperation(options);
    const { signal, deadline = CALL_DEADLINE_MS } = options;
    if (typeof answeredBy !== "string") throw invalid(kind, "answeredBy must name the kind of its answer");
    if (signal?.aborted) throw aborted();
    const ticket = this.#core("serviceCall", service, kind, asText(payload), answeredBy, this.#driver.milliseconds(deadline), ...receiver(to));
    let abort;
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(ticket, { resolve, reject });
        abort = () => {
          this.#calls.delete(ticket);
          this.#driver.run("serviceCancel", service, ticket);
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

  #core(...command) {
    return this.#awake().run(...command);
  }

  #awake() {
    if (this.#hasEnded) throw new NaraError("asleep", "this nara sleeps; wake it again");
    return this.#driver;
  }
}

/** A peer of `peers()`, what a handler is given as `from`, or an id alone. */
function receiver(to) {
  const { id, key } = typeof to === "string" ? { id: to } : (to ?? {});
  if (typeof id !== "string") throw invalid("to", "it must be a peer or an id");
  return key ? [id, key] : [id];
}

function asText(payload) {
  if (!isObject(payload)) throw invalid("payload", "it must be an object");
  return toJson(payload, "the payload");
}

/** WebAssembly would take anything for bytes: a text for as many zeros, a number beyond 255 for its remainder. */
function bytesOf(field, value) {
  const type = Object.prototype.toString.call(value);
  if (type === "[object ArrayBuffer]") return new Uint8Array(value);
  if (type !== "[object Uint8Array]") throw invalid(field, "it must be a Uint8Array or an ArrayBuffer");
  return value;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value) {
  return Number.isInteger(value) && value > 0;
}

function checkCount(field, list, max, what = "") {
  if (list.length > max) throw invalid(field, `more than ${max}${what}`);
}

function checkFunction(field, value) {
  if (typeof value !== "function") throw invalid(field, "it must be a function");
}

function aborted() {
  return new NaraError("aborted", "the caller stopped waiting");
}
