import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf, statusView, type ServerState } from "../src/status";

const READY: ServerState = { kind: "ready", model: "mixline-mini", detail: "CPU, avx512" };
const clock = (ms: number): string => `clock ${ms}`;

test("loading shows its percentage and stage", () => {
  const view = statusView({ kind: "loading", stage: "warm-up", percentage: 40 }, undefined, clock);

  assert.match(view.text, /40%/);
  assert.match(view.tooltip, /warm-up/);
});

test("the set-up shows its percentage and stage", () => {
  const state: ServerState = { kind: "settingUp", stage: "downloading numpy", percentage: 30 };
  const view = statusView(state, undefined, clock);

  assert.match(view.text, /30%/);
  assert.match(view.tooltip, /downloading numpy/);
});

test("without a server the item says what a click does", () => {
  const view = statusView({ kind: "absent" }, undefined, clock);

  assert.match(view.tooltip, /not set up: click/);
  assert.equal(view.isError, false);
});

test("a failure shows its reason, also during a pause", () => {
  const view = statusView(
    { kind: "failed", reason: "no such model" },
    { kind: "workspace" },
    clock,
  );

  assert.ok(view.isError);
  assert.match(view.tooltip, /no such model/);
});

test("ready names the model and what runs it", () => {
  assert.match(statusView(READY, undefined, clock).tooltip, /mixline-mini \(CPU, avx512\)/);
});

for (const [pause, words] of [
  [{ kind: "snooze", untilMs: 7 }, /until clock 7/],
  [{ kind: "workspace" }, /this workspace/],
  [{ kind: "setting" }, /mixline\.enable/],
  [{ kind: "language", language: "python" }, /for python/],
] as const) {
  test(`a pause tells its reason: ${pause.kind}`, () => {
    const view = statusView(READY, pause, clock);

    assert.match(view.text, /debug-pause/);
    assert.match(view.tooltip, words);
  });
}

test("the server's answer becomes a state", () => {
  const model = { name: "m", path: "/m", provider: "CPU", kernel: "avx2" };

  assert.deepEqual(stateOf({ state: "ready", message: "ready", model }), {
    ...{ kind: "ready", model: "m", detail: "CPU, avx2" },
  });
  assert.deepEqual(stateOf({ state: "failed", message: "why", model: null }), {
    ...{ kind: "failed", reason: "why" },
  });
});
