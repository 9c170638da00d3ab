/** Ghost text: which requests reach the server, which answers are still shown, and what comes late. */
import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { LateAnswers, type Spot } from "./lateAnswers";

/** The documents that the server gets to see; not git:, output:, the SCM box and their like. */
export const DOCUMENTS = ["file", "untitled", "vscode-notebook-cell"].map((scheme) => ({ scheme }));

type Provide = NonNullable<Middleware["provideInlineCompletionItems"]>;

/** The middleware between VS Code and the language client. */
export class GhostText {
  private readonly late = new LateAnswers();
  private readonly isPaused: (document: vscode.TextDocument) => boolean;

  /**
   * @param isPaused - whether nothing is to be suggested in a document.
   */
  constructor(isPaused: (document: vscode.TextDocument) => boolean) {
    this.isPaused = isPaused;
  }

  readonly provide: Provide = async (document, position, context, token, next) => {
    if (this.isPaused(document) || isDiff()) return null;
    if (isActive(document) && !hasOneCursor()) return null;
    const spot = spotOf(document, position);
    this.late.asked(spot, performance.now());
    const watch = token.onCancellationRequested(() => {
      this.late.cancelled(spot, performance.now());
    });
    try {
      const answer = await next(document, position, context, token);
      // VS Code would show an answer for a place that the cursor has left.
      if (hasMovedOn(document, spot.version, position)) return null;
      if (!token.isCancellationRequested && hasItems(answer)) this.late.shown(spot);
      return answer;
    } finally {
      watch.dispose();
    }
  };

  /** The server has finished a suggestion after its request was answered or given up. */
  async ready(uri: vscode.Uri, version: number, position: vscode.Position): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    if (document?.uri.toString() !== uri.toString() || this.isPaused(document)) return;
    if (!vscode.window.state.focused || isDiff()) return;
    if (hasMovedOn(document, version, position)) return;
    const reaction = this.late.ready(spotOf(document, position), performance.now());
    if (reaction === "nothing") return;
    await vscode.commands.executeCommand("editor.action.inlineSuggest.trigger");
    if (reaction === "replace") {
      await vscode.commands.executeCommand("editor.action.inlineSuggest.showNext");
    }
  }
}

function spotOf(document: vscode.TextDocument, position: vscode.Position): Spot {
  const { line, character } = position;
  return { uri: document.uri.toString(), version: document.version, line, character };
}

function isActive(document: vscode.TextDocument): boolean {
  return vscode.window.activeTextEditor?.document === document;
}

function hasOneCursor(): boolean {
  const editor = vscode.window.activeTextEditor;
  return editor?.selections.length === 1 && editor.selection.isEmpty;
}

/** An editor that was just opened may be asked for before VS Code tells that it is active. */
function hasMovedOn(
  document: vscode.TextDocument,
  version: number,
  position: vscode.Position,
): boolean {
  if (document.isClosed || document.version !== version) return true;
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) return false;
  return !isActive(document) || !hasOneCursor() || !editor.selection.active.isEqual(position);
}

function isDiff(): boolean {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  if (input instanceof vscode.TabInputTextDiff || input instanceof vscode.TabInputNotebookDiff) {
    return true;
  }
  // Many files' changes in one editor: VS Code names no class for it in its stable interface.
  return typeof input === "object" && input !== null && "textDiffs" in input;
}

function hasItems(
  answer: vscode.InlineCompletionItem[] | vscode.InlineCompletionList | null | undefined,
): boolean {
  if (answer === null || answer === undefined) return false;
  return (Array.isArray(answer) ? answer : answer.items).length > 0;
}
