/** What became of suggestions, as a page of text; knows no editor. */

/** What of the answer to `mixline/stats` is shown. */
export interface Statistics {
  readonly since: string | null;
  readonly total: Figures;
  readonly languages: Readonly<Record<string, Figures>>;
  readonly personal: Readonly<Record<string, Personal>>;
}

export interface Figures {
  readonly shown: number;
  readonly explicit: number;
  readonly accepted: Readonly<Record<string, number>>;
  readonly typed: number;
  readonly beyond: number;
  readonly rejected: number;
  readonly left: number;
  readonly withdrawn: number;
  readonly brief: number;
  readonly acceptance: number | null;
  readonly retained: Readonly<
    Record<string, { readonly suggestions: number; readonly share: number | null }>
  >;
  readonly characters_accepted: number;
  readonly characters_saved: number;
  readonly silent: Readonly<Record<string, number>>;
  readonly latency_ms: Readonly<Record<string, number | null>>;
}

interface Personal {
  readonly events: number;
  readonly least_events: number;
  readonly minimum_confidence: number;
  readonly own_minimum_confidence: number;
}

type Row = readonly [name: string, of: (figures: Figures) => string];

const ROWS: readonly Row[] = [
  ["Shown", ({ shown, explicit }) => `${shown} (${explicit} asked for)`],
  ["Accepted", ({ accepted }) => `${sum(accepted)} (${counts(accepted)})`],
  ["Typed by hand", ({ typed, beyond }) => `${typed} to the end, ${beyond} and beyond`],
  ["Rejected", ({ rejected }) => `${rejected}`],
  [
    "Neither",
    ({ left, withdrawn, brief }) => `${left} left, ${withdrawn} withdrawn, ${brief} too brief`,
  ],
  ["Acceptance", ({ acceptance }) => percent(acceptance)],
  [
    "Still there",
    ({ retained }) =>
      Object.entries(retained)
        .map(([moment, { share, suggestions }]) => `${moment}: ${percent(share)} of ${suggestions}`)
        .join(", "),
  ],
  [
    "Characters",
    (figures) => `${figures.characters_accepted} accepted, ${figures.characters_saved} saved`,
  ],
  [
    "Latency",
    ({ latency_ms }) =>
      Object.entries(latency_ms)
        .map(([name, ms]) => `${name} ${ms === null ? "-" : `${Math.round(ms)} ms`}`)
        .join(", "),
  ],
  ["Silent", ({ silent }) => counts(silent) || "never"],
];

/** The page, in Markdown. */
export function statisticsPage({ since, total, languages, personal }: Statistics): string {
  const sections = [
    section("All languages", total),
    ...Object.entries(languages).map(([language, figures]) => section(language, figures)),
  ];
  const thresholds = Object.entries(personal).map(
    ([name, own]) =>
      `- ${name}: ${own.own_minimum_confidence.toFixed(2)} in place of ` +
      `${own.minimum_confidence.toFixed(2)}; ${own.events} verdicts so far, ` +
      `it moves from ${own.least_events} on`,
  );
  return [
    "# Mixline: what became of suggestions",
    `Since ${since ?? "the first suggestion, which is still to come"}. ` +
      "Kept on this machine alone, without code and paths: `mixline stats --delete` removes it.",
    ...sections,
    "## Threshold of confidence",
    thresholds.join("\n"),
    "",
  ].join("\n\n");
}

function section(name: string, figures: Figures): string {
  const width = Math.max(...ROWS.map(([row]) => row.length));
  const rows = ROWS.map(([row, of]) => `    ${row.padEnd(width)}  ${of(figures)}`);
  return [`## ${name}`, rows.join("\n")].join("\n\n");
}

function counts(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");
}

function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((all, count) => all + count, 0);
}

function percent(share: number | null): string {
  return share === null ? "-" : `${Math.round(share * 100)} %`;
}
