import assert from "node:assert/strict";
import { test } from "node:test";
import { LateAnswers, type Spot } from "../src/lateAnswers";

const SPOT: Spot = { uri: "file:///a.py", version: 3, line: 1, character: 4 };

function asked(): LateAnswers {
  const late = new LateAnswers();
  late.asked(SPOT, 0);
  return late;
}

test("a suggestion that became ready after an empty answer is asked for, once", () => {
  const late = asked();

  assert.equal(late.ready(SPOT, 2000), "ask");
  assert.equal(late.ready(SPOT, 2100), "nothing");
});

test("a suggestion whose first line is shown is replaced by the whole", () => {
  const late = asked();
  late.shown(SPOT);

  assert.equal(late.ready(SPOT, 2000), "replace");
});

test("another version or another place is not waited for", () => {
  const late = asked();

  assert.equal(late.ready({ ...SPOT, version: 4 }, 2000), "nothing");
  assert.equal(late.ready({ ...SPOT, character: 5 }, 2000), "nothing");
  assert.equal(new LateAnswers().ready(SPOT, 0), "nothing");
});

test("a request that VS Code ended to open its list is still wanted", () => {
  const late = asked();
  late.cancelled(SPOT, 730);

  assert.equal(late.ready(SPOT, 2000), "ask");
});

for (const waitedMs of [40, 400, 1900]) {
  test(`a request that was given up after ${waitedMs} ms was given up by the user`, () => {
    const late = asked();
    late.cancelled(SPOT, waitedMs);

    assert.equal(late.ready(SPOT, 2000), "nothing");
  });
}

test("a second request for the same place takes the first one's end back", () => {
  const late = asked();
  late.cancelled(SPOT, 40);
  late.asked(SPOT, 50);

  assert.equal(late.ready(SPOT, 2000), "ask");
});

test("after ten seconds nobody waits any more", () => {
  assert.equal(asked().ready(SPOT, 10_001), "nothing");
});
