/** What the status item says in each state of the server; knows no editor. */

export type ServerState =
  | { readonly kind: "starting" }
  | { readonly kind: "loading"; readonly stage: string; readonly percentage: number }
  | { readonly kind: "ready"; readonly model: string; readonly detail: string }
  | { readonly kind: "stopped" }
  | { readonly kind: "absent" }
  | { readonly kind: "settingUp"; readonly stage: string; readonly percentage: number }
  | { readonly kind: "failed"; readonly reason: string };

export type Pause =
  | { readonly kind: "snooze"; readonly untilMs: number }
  | { readonly kind: "workspace" }
  | { readonly kind: "setting" }
  | { readonly kind: "language"; readonly language: string };

export interface StatusView {
  readonly text: string;
  readonly tooltip: string;
  readonly isError: boolean;
}

/** The item's text, tooltip and colour; a pause matters only once there is something to pause. */
export function statusView(
  state: ServerState,
  pause: Pause | undefined,
  clock: (ms: number) => string,
): StatusView {
  switch (state.kind) {
    case "starting":
      return calm("$(sync~spin) Mixline", "Mixline is starting its server");
    case "loading":
      return calm(
        `$(sync~spin) Mixline ${state.percentage}%`,
        `Mixline is loading its model: ${state.stage}`,
      );
    case "stopped":
      return calm("$(circle-slash) Mixline", "Mixline's server is stopped");
    case "absent":
      return calm(
        "$(circle-slash) Mixline",
        "Mixline's server is not set up: click to set it up, or to see how to do it by hand",
      );
    case "settingUp":
      return calm(
        `$(sync~spin) Mixline ${state.percentage}%`,
        `Mixline is setting up its server: ${state.stage}`,
      );
    case "failed":
      return { text: "$(error) Mixline", tooltip: `Mixline: ${state.reason}`, isError: true };
    case "ready":
      return pause === undefined
        ? calm("$(zap) Mixline", `Mixline is ready: ${state.model} (${state.detail})`)
        : calm("$(debug-pause) Mixline", `Mixline is paused ${pauseReason(pause, clock)}`);
  }
}

/** What `mixline/status` answers, as far as it is shown. */
export interface StatusAnswer {
  readonly state: "loading" | "ready" | "failed";
  readonly message: string;
  readonly model: {
    readonly name: string;
    readonly path: string;
    readonly provider: string;
    readonly kernel: string;
  } | null;
}

/** The server's state by its own answer. */
export function stateOf(answer: StatusAnswer): ServerState {
  switch (answer.state) {
    case "loading":
      return { kind: "loading", stage: answer.message, percentage: 0 };
    case "failed":
      return { kind: "failed", reason: answer.message };
    case "ready":
      return {
        kind: "ready",
        model: answer.model?.name ?? "unknown model",
        detail: answer.model === null ? "" : `${answer.model.provider}, ${answer.model.kernel}`,
      };
  }
}

function calm(text: string, tooltip: string): StatusView {
  return { text, tooltip, isError: false };
}

function pauseReason(pause: Pause, clock: (ms: number) => string): string {
  switch (pause.kind) {
    case "snooze":
      return `until ${clock(pause.untilMs)}`;
    case "workspace":
      return "in this workspace";
    case "setting":
      return "by the setting mixline.enable";
    case "language":
      return `for ${pause.language}`;
  }
}
