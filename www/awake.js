// Keeps a nara going while its page is hidden, and doubts its connection when the network goes.

/** Whether a page can keep time while it is hidden. */
export const hasTicker = () => typeof Worker === "function";

/** `current()` gives the nara that is awake, or null. What tells of waking up, the nara hears by itself. */
export function stayAwake(current) {
  let ticker = null;
  const tick = (on) => {
    if (on === (ticker !== null)) return;
    ticker?.terminate();
    ticker = on ? new Worker(new URL("./ticker.js", import.meta.url)) : null;
    ticker?.addEventListener("message", () => current()?.tick());
  };
  if (hasTicker()) {
    document.addEventListener("visibilitychange", () => tick(document.hidden));
    // It may have been opened in the background.
    tick(document.hidden);
  }
  // A page that keeps a worker may not be kept by the browser.
  addEventListener("pagehide", () => tick(false));
  addEventListener("offline", () => current()?.retryNow());
}
