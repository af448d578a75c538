// Tells a nara when its page wakes up or its network comes back: its connection may be dead by then.

/**
 * Calls `look` when a page thaws, is shown again, or comes back from the browser's cache, and when the
 * network is back. Returns a function that ends this. Outside a browser nothing tells of these.
 */
export function whenWaking(look) {
  const { document } = globalThis;
  const shown = () => document.visibilityState === "visible" && look();
  const ends = [
    listen(globalThis, "online", look),
    listen(globalThis, "pageshow", look),
    listen(document, "resume", look),
    listen(document, "visibilitychange", shown),
  ];
  return () => ends.forEach((end) => end());
}

function listen(target, type, listener) {
  target?.addEventListener?.(type, listener);
  return () => target?.removeEventListener?.(type, listener);
}
