// The entry point for `require`: the package is ECMAScript modules, so each function loads them when it is called.
const load = () => import("./pkg/node.js");

exports.init = async (input) => (await load()).init(input);
/** What `import("light-nara")` gives. */
exports.load = load;
exports.Nara = { wake: async (options) => (await load()).Nara.wake(options) };
