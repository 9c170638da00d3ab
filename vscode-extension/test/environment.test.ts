import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import {
  bundledParts,
  environmentFolder,
  hasNvidiaDriver,
  instructions,
  interpreterOf,
  setDeclined,
  wasDeclined,
} from "../src/environment";

function folder(): string {
  return mkdtempSync(path.join(tmpdir(), "mixline-"));
}

/** An environment as make_environment.py leaves it, made with the Node that runs this test. */
function environment(madeWith = realpathSync(process.execPath)): string {
  const made = folder();
  mkdirSync(path.join(made, "bin"));
  symlinkSync(process.execPath, path.join(made, "bin", "python"));
  writeFileSync(path.join(made, "ready.json"), JSON.stringify({ interpreter: madeWith }));
  return made;
}

test("a whole environment is used by the name of its interpreter, not by what that links to", () => {
  const made = environment();

  assert.equal(interpreterOf(made), path.join(made, "bin", "python"));
});

test("declined it stays declined, in a folder that was not there before, until taken back", () => {
  const made = path.join(folder(), "storage", "server-0123");
  assert.equal(wasDeclined(made), false);
  setDeclined(made, true);
  assert.equal(wasDeclined(made), true);
  assert.equal(wasDeclined(`${made}-of-the-next-version`), false);
  setDeclined(made, false);
  assert.equal(wasDeclined(made), false);
});

test("one whose Python has become another version is not used", () => {
  assert.equal(interpreterOf(environment("/usr/bin/python3.11")), undefined);
});

test("one that is not there or half made is not used", () => {
  const half = folder();
  mkdirSync(path.join(half, "bin"));
  symlinkSync(process.execPath, path.join(half, "bin", "python"));

  assert.equal(interpreterOf(half), undefined);
  assert.equal(interpreterOf(path.join(half, "none")), undefined);
});

test("another wheel of the same name gets another environment", () => {
  const extension = folder();
  const server = path.join(extension, "server");
  mkdirSync(server);
  for (const name of ["mixline-0.1.0-py3-none-any.whl", "pip-26.3.whl", "make_environment.py"])
    writeFileSync(path.join(server, name), name);
  const parts = bundledParts(extension);
  assert.ok(parts);
  const before = environmentFolder("/storage", parts);
  writeFileSync(parts.wheel, "another");

  assert.match(before, /^\/storage\/server-[0-9a-f]{12}$/);
  assert.notEqual(environmentFolder("/storage", parts), before);
});

test("a package without the files offers no set-up", () => {
  assert.equal(bundledParts(folder()), undefined);
});

test("the runtime for GPUs is for machines with a driver", () => {
  assert.equal(
    hasNvidiaDriver(() => false),
    false,
  );
  assert.equal(
    hasNvidiaDriver((file) => file === "/proc/driver/nvidia/version"),
    true,
  );
});

test("the instructions name the wheel that is there, and Python if it is not", () => {
  const parts = { wheel: "/ext/server/mixline-1.whl", pip: "p", program: "m" };

  assert.ok(instructions(parts, "/usr/bin/python3").includes("'/ext/server/mixline-1.whl'"));
  assert.doesNotMatch(instructions(parts, "/usr/bin/python3"), /needs Python/);
  assert.match(instructions(parts, undefined), /needs Python 3\.11 or newer/);
});
