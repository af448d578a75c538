// A guest book, shared by all who run it: a service of one's own in JavaScript.
// docs/services.md walks through it. With a plaza running (npm start), twice or more:
//
//   node examples/guest-book.js ws://127.0.0.1:8080/mqtt "what you want to say"
import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { Nara } from "light-nara";

/** @import { Json, Service, ServiceContext, ServiceMessage, ServicePeer } from "light-nara" */

/** A book is full one day. */
const GUESTS_MAX = 1_000;

/** The book of one nara: who greeted it, with which words. */
export class GuestBook {
  name = "guestbook";
  /** @type {{ id: string | null, name: string, text: string, mood: Json | undefined }[]} */
  guests = [];
  /** @type {Json | undefined} */
  memoryBackWith = null;
  #words;

  /** @param {string} words */
  constructor(words) {
    this.#words = words;
  }

  /** @type {Service["behaviours"]} */
  behaviours = {
    "guestbook:greet": {
      answeredBy: "guestbook:thanks",
      rateLimit: { count: 5, perMs: 60_000 },
      versions: {
        1: { fields: ["text"], handle: (ctx, { text }, from) => this.#write(ctx, from, text, "") },
        2: { fields: ["text", "mood"], handle: (ctx, { text, mood }, from) => this.#write(ctx, from, text, mood) },
      },
    },
    "guestbook:thanks": { fields: ["guests"] },
    "presence:online": { type: "local", fields: ["who"], handle: (ctx, { who }) => this.#greet(ctx, who) },
    "stash:recovered": { type: "local", fields: ["count"], handle: (_, { count }) => (this.memoryBackWith = count) },
  };

  /**
   * @param {ServiceContext} ctx
   * @param {ServiceMessage} from
   * @param {Json | undefined} text
   * @param {Json | undefined} mood
   */
  #write(ctx, from, text, mood) {
    if (this.guests.length >= GUESTS_MAX) return;
    if (typeof text !== "string") throw new TypeError("a greeting without a text");
    this.guests.push({ id: from.id, name: from.name, text, mood });
    ctx.log.info(`${from.name} says: ${text} ${mood ?? ""}`);
    from.reply("guestbook:thanks", { guests: this.guests.length });
  }

  /**
   * @param {ServiceContext} ctx
   * @param {Json | undefined} who
   */
  async #greet(ctx, who) {
    // From this nara itself, so it is what it says.
    const peer = /** @type {ServicePeer} */ (who);
    const greeting = { text: this.#words, mood: "curious" };
    const { payload, from } = await ctx.call(peer, "guestbook:greet", greeting, { deadline: 5_000 });
    ctx.log.info(`${from.name} thanks; its book has ${payload.guests} ${payload.guests === 1 ? "greeting" : "greetings"}`);
  }
}

const isRun = process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href;
if (isRun) {
  const [plaza = "ws://127.0.0.1:8080/mqtt", words = "hello"] = process.argv.slice(2);
  const nara = await Nara.wake({ plaza, services: [new GuestBook(words)] });
  nara.addEventListener("log", ({ detail: { service, level, text } }) => {
    if (service === "guestbook" && level === "info") console.log(text);
  });
  console.log(`${nara.name} has opened its guest book; Ctrl+C ends it`);
  let told = "";
  nara.addEventListener("status", () => {
    const { state, why } = nara.status().connection;
    const words = state === "online" ? `${plaza} is reached` : state === "waiting" ? `${plaza} is not reached (${why}); trying again` : told;
    if (words !== told) console.log((told = words));
  });
  process.once("SIGINT", () => nara.sleep().then(() => process.exit()));
}
