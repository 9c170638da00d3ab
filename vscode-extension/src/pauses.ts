/** When Mixline is quiet: a snooze, a workspace (remembered, but in no file of it), settings. */
import * as vscode from "vscode";
import { change } from "./choices";
import { DISABLED_LANGUAGES, pauseBySettings, toggledLanguages } from "./settings";
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
    return pauseBySettings(
      vscode.workspace.getConfiguration("mixline", document),
      document.languageId,
    );
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
    const languages = toggledLanguages(vscode.workspace.getConfiguration("mixline"), language);
    await change(DISABLED_LANGUAGES, languages);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }
}
