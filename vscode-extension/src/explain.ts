/** Explains a stack trace: says what failed, shows the line, and makes a fix that was checked. */
import * as vscode from "vscode";
import type { Explanation, Server } from "./client";

const SHOW_LINE = "Show the Line";
const MOST_FIXES = 3;

/** Takes the trace from the selection, else from the clipboard. */
export async function explainStackTrace(server: Server): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const selected = editor?.document.getText(editor.selection) ?? "";
  const explained = await vscode.window.withProgress(
    {
      location: vscode.ProgressLocation.Notification,
      title: "Mixline: reading the stack trace and checking fixes",
      cancellable: true,
    },
    async (_, token) => {
      try {
        const answer = selected === "" ? undefined : await server.explain(selected, token);
        // A browser asks before it shows the clipboard to anybody.
        return answer ?? (await server.explain(await vscode.env.clipboard.readText(), token));
      } catch (error) {
        if (token.isCancellationRequested) return "cancelled";
        throw error;
      }
    },
  );
  if (explained === "cancelled") return;
  if (explained === undefined) {
    void vscode.window.showInformationMessage(
      "Mixline: select or copy a stack trace of Python or JavaScript first, whole, with the line that names the error.",
    );
    return;
  }
  await offer(explained);
}

async function offer({ explanation, frames, fixes }: Explanation): Promise<void> {
  const failing = frames.at(-1);
  const shown = fixes.slice(0, MOST_FIXES);
  const choices = [...(failing === undefined ? [] : [SHOW_LINE]), ...shown.map((fix) => fix.title)];
  const chosen = await vscode.window.showInformationMessage(explanation, ...choices);
  if (chosen === undefined || failing === undefined) return;
  const document = await vscode.workspace.openTextDocument(failing.uri);
  const line = document.validateRange(new vscode.Range(failing.line, 0, failing.line, 0));
  await vscode.window.showTextDocument(document, { selection: line });
  const fix = shown.find(({ title }) => title === chosen);
  if (fix !== undefined && !(await fix.apply())) {
    void vscode.window.showWarningMessage(
      "Mixline: the file has changed since the fix was found; explain the trace again.",
    );
  }
}
