/** Decides whether a suggestion that became ready late is still wanted; knows no editor. */

/** A cursor in one version of a document. */
export interface Spot {
  readonly uri: string;
  readonly version: number;
  readonly line: number;
  readonly character: number;
}

/**
 * nothing: the user has gone on; ask: nothing is shown there yet; replace: the beginning of the
 * suggestion is shown already, and the editor keeps showing it unless told to go to the next.
 */
export type Reaction = "nothing" | "ask" | "replace";

// VS Code itself ends a request this long after it was sent, when it opens the list of completions.
// At any other time it was the user: Escape, another place, another window.
const CANCELLED_BY_EDITOR_MS = [600, 1200] as const;
const MAX_AGE_MS = 10_000;

interface Asked {
  readonly spot: Spot;
  readonly firstMs: number;
  askedMs: number;
  cancelledMs: number | undefined;
  shown: boolean;
  reacted: boolean;
}

/** Remembers the latest request. */
export class LateAnswers {
  private last: Asked | undefined;

  /** The editor asks for a suggestion. */
  asked(spot: Spot, nowMs: number): void {
    if (this.last !== undefined && isSame(this.last.spot, spot)) {
      this.last.askedMs = nowMs;
      this.last.cancelledMs = undefined;
      return;
    }
    this.last = {
      spot,
      firstMs: nowMs,
      askedMs: nowMs,
      cancelledMs: undefined,
      shown: false,
      reacted: false,
    };
  }

  /** The editor no longer waits. */
  cancelled(spot: Spot, nowMs: number): void {
    if (this.last !== undefined && isSame(this.last.spot, spot)) this.last.cancelledMs = nowMs;
  }

  /** The editor was given a suggestion. */
  shown(spot: Spot): void {
    if (this.last !== undefined && isSame(this.last.spot, spot)) this.last.shown = true;
  }

  /** The server has a suggestion for a spot; the first such word counts. */
  ready(spot: Spot, nowMs: number): Reaction {
    const last = this.last;
    if (last === undefined || !isSame(last.spot, spot) || last.reacted) return "nothing";
    if (nowMs - last.firstMs > MAX_AGE_MS || cancelledByUser(last)) return "nothing";
    last.reacted = true;
    return last.shown ? "replace" : "ask";
  }
}

function cancelledByUser({ askedMs, cancelledMs }: Asked): boolean {
  if (cancelledMs === undefined) return false;
  const waitedMs = cancelledMs - askedMs;
  const [least, most] = CANCELLED_BY_EDITOR_MS;
  return waitedMs < least || waitedMs > most;
}

function isSame(one: Spot, other: Spot): boolean {
  return (
    one.uri === other.uri &&
    one.version === other.version &&
    one.line === other.line &&
    one.character === other.character
  );
}
