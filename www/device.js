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

/** True when the soul is now on this device. */
export function remember(soul, name) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ soul, name }));
    return true;
  } catch {
    return false;
  }
}

/** Takes the soul off this device. */
export function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing could be kept, so nothing is there.
  }
}
