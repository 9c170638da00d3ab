/** Wires the parts together when VS Code activates the extension. */
import * as vscode from "vscode";
import { Server } from "./client";
import { explainFailure, registerCommands } from "./commands";
import { GhostText } from "./inlineCompletion";
import { Pauses } from "./pauses";
import { affectsStart } from "./settings";
import { showStatusItem } from "./statusItem";

let running: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Mixline", { log: true });
  const pauses = new Pauses(context.workspaceState);
  const ghostText = new GhostText((document) => pauses.pauseFor(document) !== undefined);
  const isPaused = (): boolean => pauses.everywhere() !== undefined;
  const server = new Server({ context, log, ghostText, isPaused });
  const parts = { server, pauses, log };
  running = server;
  context.subscriptions.push(
    log,
    pauses,
    server,
    showStatusItem(server, pauses),
    registerCommands(parts),
    pauses.onDidChange(() => server.settingsChanged()),
    server.onDidChange((state) => {
      if (state.kind === "failed") void explainFailure(state.reason, parts);
    }),
    // What an untrusted workspace may not set comes into force now.
    vscode.workspace.onDidGrantWorkspaceTrust(() => server.restart()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (affectsStart((section) => event.affectsConfiguration(section))) void server.restart();
    }),
  );
  void server.restart(); // not awaited: activation must not wait for a process
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}
