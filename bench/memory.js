// What a confidant needs: 50 full stashes, and a million messages.

import { frameOf, toBase64 } from "./rival.js";

const STASHES = 50;
const MESSAGES = 1_000_000;
/** The last of the bounded tables gets its last room after some 350,000 messages; nothing grows behind that. */
const WARM = 400_000;
/** Every so many messages a store comes, from somebody who is heard often; the others are newspapers of strangers. */
const STORE_EVERY = 100;
const OFTEN = 200;

/** `{ full, million }` in bytes of the module's memory: with 50 stashes held, and grown by a million messages. */
export async function memory({ maker, fresh, incompressible }) {
  const one = await fresh();
  const taker = new one.BenchTaker();
  const nonce = new Uint8Array(24).fill(3);
  const owners = Array.from({ length: STASHES }, (_, at) => new maker.BenchOwner(new Uint8Array(32).fill(at + 1)));
  for (const owner of owners) taker.take(owner.makeStore(taker.id(), incompressible, nonce, 0), 0);
  if (taker.held() !== STASHES) throw new Error(`only ${taker.held()} stashes are held`);
  const full = one.bytes();

  const papers = Array.from({ length: 997 }, (_, at) => {
    const status = { Personality: { Chill: at }, Version: "0.2.0", Text: "x".repeat(600) };
    return frameOf(`nara/newspaper/gopher-${at}`, JSON.stringify({ From: `gopher-${at}`, Status: status, Signature: toBase64(new Uint8Array(64).fill(1)) }));
  });
  let warm = 0;
  let stores = 0;
  for (let count = 0; count < WARM + MESSAGES; count++) {
    const seconds = 10 + Math.floor(count / OFTEN);
    if (count % STORE_EVERY === 0) taker.take(owners[stores++ % STASHES].makeStore(taker.id(), incompressible, nonce, seconds), seconds);
    else taker.take(papers[count % papers.length], seconds);
    if (count === WARM) warm = one.bytes();
  }
  return { full, million: one.bytes() - warm };
}
