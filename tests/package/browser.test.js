// The package as installed from its tarball, in a real browser: bundled by each bundler, and without one.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as esbuild from "esbuild";
import * as vite from "vite";
import webpack from "webpack";
import { startServer } from "../../host/server.js";
import { launchChromium, openPage } from "../support/chromium.js";
import { Neighbourhood } from "../support/naras.js";
import { fixture, installed } from "./installed.js";

const KEPT = { soul: "string", holders: 1, data: { tea: "oolong" } };
const BOTH = { page: KEPT, worker: KEPT };

describe("in a browser", { timeout: 280_000, concurrency: 2 }, () => {
  let folder;
  let plaza;
  let neighbours;
  let browser;
  before(async () => {
    ({ folder } = await installed());
    plaza = await startServer({ port: 0, listen: "127.0.0.1" });
    neighbours = new Neighbourhood(plaza.plaza);
    await neighbours.wake();
    browser = await launchChromium();
  });
  after(async () => {
    await browser?.close();
    await neighbours?.sleep();
    await plaza?.close();
  });

  /** What the page at this address reports; the browser must complain of nothing. */
  async function resultOf(address) {
    const { page, complaints, close } = await openPage(browser, `${address}?plaza=${encodeURIComponent(plaza.plaza)}`);
    try {
      const body = await page.waitForSelector("body[data-result]", { state: "attached", timeout: 60_000 }).catch(() => null);
      assert.ok(body, `the page reported nothing: ${complaints.join("; ")}`);
      const result = JSON.parse(await body.getAttribute("data-result"));
      assert.deepEqual(complaints, []);
      return result;
    } finally {
      await close();
    }
  }

  async function resultOfFolder(folder, path = "/index.html", headers = {}) {
    const server = await serve(folder, headers);
    try {
      return await resultOf(`http://127.0.0.1:${server.address().port}${path}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test("Vite serves it in development without any configuration", async () => {
    const root = await fixture(folder, "app", "vite-dev");
    const dev = await vite.createServer({ root, configFile: false, logLevel: "error", server: { host: "127.0.0.1", port: 0 }, cacheDir: join(root, ".vite") });
    try {
      await dev.listen();
      assert.deepEqual(await resultOf(dev.resolvedUrls.local[0]), BOTH);
    } finally {
      await dev.close();
    }
  });

  test("Vite builds it without any configuration", async () => {
    const root = await fixture(folder, "app", "vite");
    await vite.build({ root, configFile: false, logLevel: "error" });
    assert.deepEqual(await resultOfFolder(join(root, "dist")), BOTH);
  });

  test("webpack builds it without any configuration", async () => {
    const context = await fixture(folder, "app", "webpack");
    const compiler = webpack({ context, entry: "./main.js", mode: "production", output: { path: join(context, "dist") } });
    const stats = await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))));
    await new Promise((resolve) => compiler.close(resolve));
    const { errors, warnings } = stats.toJson();
    // That a bundle is large is no fault of it; the WebAssembly is.
    const others = warnings.filter(({ message }) => !/size limit|performance/.test(message));
    assert.deepEqual([...errors, ...others].map(({ message }) => message), []);
    const page = (await readFile(join(context, "index.html"), "utf8")).replace(' type="module" src="/main.js"', ' src="/main.js" defer');
    assert.deepEqual(await resultOfFolder(join(context, "dist"), "/index.html", { page }), BOTH);
  });

  test("esbuild builds it into a folder beside the page, told where core and worker are", async () => {
    const root = await fixture(folder, "esbuild");
    const { warnings } = await esbuild.build({
      absWorkingDir: root,
      entryPoints: { main: "main.js", "worker-side": "light-nara/worker-side" },
      bundle: true,
      minify: true,
      format: "esm",
      outdir: "dist",
      loader: { ".wasm": "file" },
      logLevel: "silent",
    });
    assert.deepEqual(warnings, []);
    assert.deepEqual(await resultOfFolder(root), BOTH);
  });

  test("a bare page with a strict content policy needs no bundler, nor does a module worker of its own", async () => {
    await fixture(folder, "bare");
    const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self'; connect-src 'self' ws:; base-uri 'none'";
    const result = await resultOfFolder(folder, "/bare/index.html", { "Content-Security-Policy": policy });
    assert.deepEqual(result, { ...BOTH, own: KEPT });
  });

  const services = [{ name: "tea", behaviours: { "tea:wish": {} } }];
  for (const [where, entry, others] of [["a page", "index", [["none", { services }]]], ["workers", "worker", []]]) {
    test(`in ${where}, the larger core is loaded only for a nara with services or a gateway, and has its address there`, async () => {
      // Any page of the host whose gateway it is, but the one that wakes a nara itself.
      const { page, complaints, close } = await openPage(browser, `${plaza.url}config.json`);
      const loaded = [];
      page.context().on("request", (request) => loaded.push(...(/\w+\.wasm$/.exec(request.url()) ?? [])));
      const naras = [["none", {}], ...others, ["attached", { gateway: plaza.gateway }]];
      await page.evaluate(wakeAll, { entry: `/nara/pkg/${entry}.js`, plaza: plaza.plaza, naras });
      assert.deepEqual([loaded, complaints], [["light_nara_bg.wasm", "light_nara_full_bg.wasm"], []]);
      await close();
    });
  }
});

/** In the page: wakes naras one after another, each with these options, and waits until the mesh of each is in this state. */
async function wakeAll({ entry, plaza, naras }) {
  const { Nara } = await import(entry);
  for (const [state, options] of naras) {
    const nara = await Nara.wake({ plaza, ...options });
    while ((await nara.status()).mesh.state !== state) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Serves the files of a folder; with `page`, that one as its index. */
async function serve(folder, { page, ...headers }) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    try {
      const body = page !== undefined && pathname === "/index.html" ? page : await readFile(join(folder, pathname));
      response.writeHead(200, { ...headers, "Content-Type": TYPES[extname(pathname)] }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm", ".svg": "image/svg+xml" };
