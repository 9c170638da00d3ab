import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import manifest from "../package.json";

const { contributes } = manifest;
const commands = new Set(contributes.commands.map(({ command }) => command));

test("the commands of package.json are those that are registered", () => {
  const source = readFileSync("src/commands.ts", "utf8");
  const table = /const ACTIONS[^{]*= \{\n([^]*?)\n\};/.exec(source)?.[1] ?? "";
  const registered = [...table.matchAll(/^ {2}(\w+)[:,(]/gm)].map(([, name]) => `mixline.${name}`);

  assert.deepEqual(new Set(registered), commands);
});

test("keys and walkthrough use commands that exist, and files that exist", () => {
  const steps = contributes.walkthroughs.flatMap((walkthrough) => walkthrough.steps);
  const linked = steps.flatMap(({ description }) =>
    [...description.matchAll(/command:(mixline\.\w+)/g)].map(([, name]) => name ?? ""),
  );
  const used = [...contributes.keybindings.map(({ command }) => command), ...linked];

  assert.ok(used.length > contributes.keybindings.length);
  assert.deepEqual(
    used.filter((name) => !commands.has(name)),
    [],
  );
  for (const { media } of steps) assert.ok(readFileSync(media.markdown, "utf8").length > 0);
});

test("Tab is bound to nothing of ours", () => {
  assert.deepEqual(
    contributes.keybindings.filter(({ key }) => /tab|escape|enter/i.test(key)),
    [],
  );
});
