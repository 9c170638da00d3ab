/** When Mixline is quiet: a snooze, a workspace (remembered, but in no file of it), settings. */
import * as vscode from "vscode";
import type { Pause } from "./status";

const WORKSPACE_KEY = "paused";
const MINUTE_MS = 60_000;

/** The reasons to be quiet, and word of their changes. */
export class Pauses implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;
  private readonly memory: vscode.Memento;
  private snoozedUntilMs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(memory: vscode.Memento) {
    this.memory = memory;
  }

  /** Why nothing is suggested in a document, or anywhere; undefined if something may be. */
  pauseFor(document: vscode.TextDocument | undefined): Pause | undefined {
    const general = this.everywhere();
    if (general !== undefined || document === undefined) return general;
    const configuration = vscode.workspace.getConfiguration("mixline", document);
    if (!configuration.get<boolean>("enable", true)) return { kind: "setting" };
    const language = document.languageId;
    return configuration.get<string[]>("disabledLanguages", []).includes(language)
      ? { kind: "language", language }
      : undefined;
  }

  /** Why nothing is suggested in any document, settings apart. */
  everywhere(): Pause | undefined {
    if (Date.now() < this.snoozedUntilMs) return { kind: "snooze", untilMs: this.snoozedUntilMs };
    return this.memory.get(WORKSPACE_KEY) === true ? { kind: "workspace" } : undefined;
  }

  snooze(minutes: number): void {
    clearTimeout(this.timer);
    this.snoozedUntilMs = Date.now() + minutes * MINUTE_MS;
    this.timer = setTimeout(() => {
      this.endSnooze();
    }, minutes * MINUTE_MS);
    this.changed.fire();
  }

  endSnooze(): void {
    clearTimeout(this.timer);
    this.snoozedUntilMs = 0;
    this.changed.fire();
  }

  async toggleWorkspace(): Promise<void> {
    const paused = this.memory.get(WORKSPACE_KEY) === true;
    await this.memory.update(WORKSPACE_KEY, paused ? undefined : true);
    this.changed.fire();
  }

  async toggleLanguage(language: string): Promise<void> {
    const configuration = vscode.workspace.getConfiguration("mixline");
    const name = "disabledLanguages";
    const disabled = new Set(configuration.get<string[]>(name, []));
    if (!disabled.delete(language)) disabled.add(language);
    await configuration.update(name, [...disabled], writtenAt(configuration.inspect(name)));
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }
}

/** Where the value in force was written, so that a new one is not shadowed by it. */
function writtenAt(levels: { workspaceValue?: unknown } | undefined): vscode.ConfigurationTarget {
  return levels?.workspaceValue === undefined
    ? vscode.ConfigurationTarget.Global
    : vscode.ConfigurationTarget.Workspace;
}
