// A worker that keeps time for a hidden page, whose own timers the browser holds back to one a minute.

const EVERY_MS = 1_000;

setInterval(() => postMessage(null), EVERY_MS);
