import assert from "node:assert/strict";
import { test } from "node:test";
import { statisticsPage, type Figures } from "../src/statistics";

const FIGURES: Figures = {
  shown: 12,
  explicit: 2,
  accepted: { whole: 4, line: 1, word: 0 },
  typed: 1,
  beyond: 0,
  rejected: 3,
  left: 2,
  withdrawn: 1,
  brief: 0,
  acceptance: 0.625,
  retained: { "30s": { suggestions: 5, share: 0.9 }, close: { suggestions: 0, share: null } },
  characters_accepted: 210,
  characters_saved: 205,
  silent: { low_confidence: 7 },
  latency_ms: { p50: 81.4, p90: null, p99: null },
};
const PERSONAL = {
  events: 8,
  least_events: 50,
  minimum_confidence: 0.5,
  own_minimum_confidence: 0.5,
};

test("the page has every figure, in total and for each language", () => {
  const page = statisticsPage({
    since: "2026-01-02",
    total: FIGURES,
    languages: { python: FIGURES },
    personal: { all: PERSONAL },
  });

  for (const words of [
    ...["Since 2026-01-02", "12 (2 asked for)", "5 (whole 4, line 1, word 0)", "63 %"],
    ...["30s: 90 % of 5, close: - of 0", "210 accepted, 205 saved", "p50 81 ms, p90 -"],
    ...["low_confidence 7", "## python", "all: 0.50 in place of 0.50; 8 verdicts"],
  ])
    assert.ok(page.includes(words), words);
  assert.equal(page.split("12 (2 asked for)").length, 3);
});

test("before the first suggestion it says so", () => {
  const page = statisticsPage({ since: null, total: FIGURES, languages: {}, personal: {} });

  assert.match(page, /still to come/);
});
