// Bundles the extension into dist/extension.js (--production: minified, with the licences of what
// is inside and a limit on its size) or the tests into dist/test (--tests).
import { copyFile, mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { build } from "esbuild";

const MAX_BUNDLE_BYTES = 500_000;
const production = process.argv.includes("--production");
const shared = { bundle: true, platform: "node", format: "cjs", target: "node20" };

/** The text of each bundled package's licence, which every copy has to carry. */
async function licences(inputs) {
  const folders = new Set(
    inputs
      .map((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0])
      .filter((folder) => folder !== undefined),
  );
  const texts = [...folders].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(
      await readFile(path.join(folder, "package.json"), "utf8"),
    );
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`expected a licence file in ${folder}, found none`);
    return `${name} ${version} (${license})\n\n${await readFile(path.join(folder, file), "utf8")}`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}

if (process.argv.includes("--tests")) {
  const tests = (await readdir("test")).filter((name) => name.endsWith(".test.ts"));
  await build({
    ...shared,
    entryPoints: tests.map((name) => `test/${name}`),
    outdir: "dist/test",
    outExtension: { ".js": ".cjs" },
    sourcemap: "inline",
  });
} else {
  const result = await build({
    ...shared,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    external: ["vscode"],
    minify: production,
    sourcemap: !production,
    metafile: true,
  });
  if (production) {
    const { size } = await stat("dist/extension.js");
    if (size > MAX_BUNDLE_BYTES)
      throw new Error(`expected at most ${MAX_BUNDLE_BYTES} bytes of bundle, got ${size}`);
    await mkdir("dist", { recursive: true });
    await writeFile("dist/THIRD-PARTY.txt", await licences(Object.keys(result.metafile.inputs)));
    await copyFile("../LICENSE", "LICENSE");
  }
}
