// The shapes of `require("light-nara")`.
import type * as all from "./index.js" with { "resolution-mode": "import" };

export declare const init: typeof all.init;
/** What `import("light-nara")` gives: `Nara` and `NaraError` as classes among it. */
export declare function load(): Promise<typeof all>;
/** Wakes naras; the class itself comes from `load`. */
export declare const Nara: { wake(options: all.WakeOptions): Promise<all.Nara> };
