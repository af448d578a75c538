// Remembers a soul on this device, only when asked to, and forgets it when asked to.

const KEY = "light-nara:soul";

/** `{ soul, name }`, or null when none is remembered. Throws a sentence when what is there cannot be read. */
export function rememberedSoul() {
  let text;
  try {
    text = localStorage.getItem(KEY);
  } catch {
    return null; // This browser lets no page keep anything, so nothing is remembered.
  }
  if (text === null) return null;
  try {
    const { soul, name } = JSON.parse(text);
    if (typeof soul === "string" && typeof name === "string") return { soul, name };
  } catch {
    // Falls through to the same sentence.
  }
  throw new Error("the soul remembered on this device cannot be read; it was left as it is. Paste your soul instead.");
}

/** Returns why the soul is not on this device now, in a sentence; "" where it is. Another's is not replaced: it may be nowhere else. */
export function remember(soul, name) {
  if (isAnothers(soul)) return "This device remembers another soul, which would be lost. Open this page as that one, and untick it there, first.";
  try {
    localStorage.setItem(KEY, JSON.stringify({ soul, name }));
    return "";
  } catch {
    return "This browser lets no page keep anything, so the soul was not remembered.";
  }
}

/** Whether a soul other than this is remembered. */
function isAnothers(soul) {
  try {
    return (rememberedSoul()?.soul ?? soul) !== soul;
  } catch {
    return false; // what cannot be read is nobody's
  }
}

/** Takes the soul off this device. */
export function forget(soul) {
  try {
    if (!isAnothers(soul)) localStorage.removeItem(KEY);
  } catch {
    // Nothing could be kept, so nothing is there.
  }
}
