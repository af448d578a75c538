// Every state of the one sentence on top of the page, for the test of its words and for the pictures of the page.

/** The time at which all of them are looked at. */
export const NOW = new Date(2026, 0, 5, 12, 0, 0).getTime();
const peer = (n, more = {}) => ({ id: `peer-${n}`, name: `peer-${n}`, presence: "online", ...more });
const PEERS = [1, 2, 3].map((n) => peer(n));
const HELD = { version: 4, savedAt: NOW, holders: PEERS.map((one) => ({ ...one, version: 4 })) };

/** A store that is awake and online with three peers, except for what is given. */
export function store({ connection, stash, recovery, status, ...fields } = {}) {
  return {
    phase: "awake", saving: null, unsaved: false, looking: false, savedSince: false, soulAtRisk: false, insecure: false, checked: {},
    ...fields,
    status: {
      connection: { state: "online", attempt: 0, retryAt: null, ...connection },
      stash: { version: null, savedAt: null, target: 3, gate: "open", holders: [], ...stash },
      recovery: { state: "none", answers: [], tookMs: null, count: 0, from: null, ...recovery },
      peers: PEERS, confidants: [], elsewhere: false, clock: { offsetMs: null, off: false },
      ...status,
    },
  };
}

/** Each `[name, what is special, tone, action, words]`. */
export const STATES = [
  ["the first visit offers both ways", { phase: "welcome" }, "calm", null, /Start new, or bring the soul/],
  ["waking has sent nothing", { phase: "waking" }, "wait", null, /Nothing has been sent/],
  ["a second tab is a mirror that can take over", { phase: "mirror" }, "calm", "takeover", /Another tab .* lives as this nara/],
  ["without locks a second tab is refused", { phase: "mirror", insecure: true }, "calm", null, /Close it, then reload this one\..*without HTTPS/],
  ["the plaza is being reached", { connection: { state: "opening" } }, "wait", null, /^Reaching the plaza\. Nothing has been saved/],
  ["a try that failed is counted, with the next", { connection: { state: "waiting", attempt: 3, retryAt: NOW + 4_200 } }, "wait", "retry", /try 3, next in 5 s/],
  ["offline, the last safe copy is told", { connection: { state: "waiting" }, stash: HELD }, "wait", "retry", /Version 4 was last held by 3 of 3/],
  ["offline, what nobody holds is told", { connection: { state: "waiting" }, stash: { ...HELD, holders: [] } }, "risk", "retry", /Version 4 is only in this tab, not stored yet/],
  ["offline, edits are waiting", { connection: { state: "waiting" }, unsaved: true }, "risk", "retry", /edits are only in this tab/],
  ["asleep, the last safe copy is told", { connection: { state: "asleep" }, stash: HELD }, "calm", null, /^Asleep\. Version 4 was last held/],
  ["too few peers are told with both figures", { unsaved: true, status: { peers: [peer(1)] } }, "risk", null, /Waiting for peers: 1 here, 3 needed\. Your edits are only in this tab/],
  ["enough peers are told to who wrote nothing yet", {}, "calm", null, /3 peers are here to keep/],
  ["edits ask to be saved", { unsaved: true }, "risk", "save", /^Not saved yet/],
  ["edits that are no JSON cannot be saved", { unsaved: true, checked: { error: {} } }, "risk", null, /^Not saved yet/],
  ["saving counts the acks", { saving: { after: 3 }, stash: { ...HELD, holders: [peer(1, { version: 4 }), peer(2, { version: 3 })] } }, "wait", null, /Saving: 1 of 3/],
  ["a search tells who answered", { recovery: { state: "searching", answers: [peer(1, { result: "not_found" }), peer(2, { result: "opened", version: 4 })] } }, "wait", null, /3 peers asked, peer-1 and peer-2 answered; the newest so far is version 4/],
  ["a search that nobody answered yet says so", { recovery: { state: "searching" } }, "wait", null, /3 peers asked, nobody answered yet/],
  ["a copy that does not open is told with its peer", { recovery: { state: "searching", answers: [peer(2, { result: "broken" })] } }, "wait", null, /peer-2 gave a copy that your soul does not open/],
  ["a search in vain leaves the choice", { recovery: { state: "not_found" }, stash: { gate: "undecided" } }, "wait", "empty", /No copy .* found yet \(3 peers asked\)/],
  ["started empty, one can write", { recovery: { state: "not_found" } }, "calm", null, /^You start empty: what you write now can be saved/],
  ["restored says from whom and how many agree", { stash: HELD, recovery: { state: "recovered", from: peer(1), tookMs: 85, count: 3 } }, "safe", null, /Restored from peer-1 in 85 ms; 3 copies agree/],
  ["safe says how many hold which version", { stash: HELD }, "safe", null, /^Safe: 3 of 3 confidants hold it \(version 4/],
  ["safe with an unkept soul asks to keep it", { stash: HELD, soulAtRisk: true }, "safe", "soul", /Keep your soul/],
  ["degraded says what is done", { stash: { ...HELD, holders: HELD.holders.slice(1) } }, "wait", null, /Partly safe: 2 of 3 .*finding another/],
  ["degraded with an unkept soul asks to keep it", { stash: { ...HELD, holders: HELD.holders.slice(1) }, soulAtRisk: true }, "wait", "soul", /Partly safe: 2 of 3 .*Keep your soul/],
  ["nobody with a place is said", { stash: { ...HELD, holders: [] }, status: { confidants: [peer(1, { state: "refused" })] } }, "risk", null, /No place left: 1 peer refused/],
  ["another device is said, and one goes on", { status: { elsewhere: true } }, "risk", "here", /Another device lives as this nara/],
  ["a memory kept beside this one is said", { stash: HELD, beside: { data: {}, savedAt: NOW, version: 3 } }, "safe", null, /^Safe: .* Another memory is kept beside this one/],
  ["a clock that is behind is said", { stash: HELD, status: { clock: { off: true, offsetMs: 65_000 } } }, "safe", null, /clock is 1 min 5 s behind/],
  ["a clock that is ahead is said", { stash: HELD, status: { clock: { off: true, offsetMs: -45_000 } } }, "safe", null, /clock is 45\.0 s ahead/],
  ["an insecure page says so", { stash: HELD, insecure: true }, "safe", null, /without HTTPS/],
];
