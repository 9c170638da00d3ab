/** The item in the status bar: how far the server is, whether Mixline is paused here. */
import * as vscode from "vscode";
import type { Server } from "./client";
import type { Pauses } from "./pauses";
import { statusView } from "./status";

/** Shows the item and keeps it up to date until it is disposed of. */
export function showStatusItem(server: Server, pauses: Pauses): vscode.Disposable {
  const item = vscode.window.createStatusBarItem(
    "mixline.status",
    vscode.StatusBarAlignment.Right,
    100,
  );
  item.name = "Mixline";
  item.command = "mixline.showMenu";
  const update = (): void => {
    const pause = pauses.pauseFor(vscode.window.activeTextEditor?.document);
    const view = statusView(server.state, pause, (ms) => new Date(ms).toLocaleTimeString());
    item.text = view.text;
    item.tooltip = view.tooltip;
    item.backgroundColor = view.isError
      ? new vscode.ThemeColor("statusBarItem.errorBackground")
      : undefined;
  };
  update();
  item.show();
  return vscode.Disposable.from(
    item,
    server.onDidChange(update),
    pauses.onDidChange(update),
    vscode.window.onDidChangeActiveTextEditor(update),
    vscode.workspace.onDidChangeConfiguration(update),
  );
}
