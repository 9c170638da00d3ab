/** Wires the parts together when VS Code activates the extension. */
import * as vscode from "vscode";
import { Server } from "./client";
import { explainFailure, registerCommands } from "./commands";
import { bundledParts, environmentFolder, interpreterOf } from "./environment";
import { GhostText } from "./inlineCompletion";
import { thisMachine } from "./machine";
import { Pages } from "./pages";
import { Pauses } from "./pauses";
import { findPython, safeEnvironment } from "./serverLocation";
import { SetUp } from "./setUp";
import { affectsStart } from "./settings";
import { showStatusItem } from "./statusItem";

let running: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Mixline", { log: true });
  const pauses = new Pauses(context.workspaceState);
  const ghostText = new GhostText((document) => pauses.pauseFor(document) !== undefined);
  const isPaused = (): boolean => pauses.everywhere() !== undefined;
  const bundled = bundledParts(context.extensionPath);
  // Of no use elsewhere: what makes the environment is written for POSIX.
  const canSetUp = bundled !== undefined && process.platform !== "win32";
  let folder: string | undefined; // its name takes reading the wheel
  const ownFolder = (): string | undefined =>
    (folder ??= canSetUp ? environmentFolder(context.globalStorageUri.fsPath, bundled) : undefined);
  const ownInterpreter = (): string | undefined => {
    const own = ownFolder();
    return own === undefined ? undefined : interpreterOf(own);
  };
  const server = new Server({ context, log, ghostText, isPaused, ownInterpreter });
  const pages = new Pages();
  const setUp = new SetUp({
    log,
    pages,
    parts: bundled,
    folder: ownFolder,
    python: () => findPython(thisMachine()),
    environment: () => safeEnvironment(thisMachine()),
    onProgress: (stage, percentage) => {
      server.settingUp(stage, percentage);
    },
  });
  const parts = { server, pauses, log, setUp, pages };
  running = server;
  context.subscriptions.push(
    log,
    pauses,
    pages,
    server,
    showStatusItem(server, pauses),
    registerCommands(parts),
    pauses.onDidChange(() => server.settingsChanged()),
    server.onDidChange((state) => {
      if (state.kind === "failed") void explainFailure(state.reason, parts);
      if (state.kind === "absent") void offerSetUp(setUp, server);
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => server.trustGranted()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      // Also told of settings that a workspace may not set, when it becomes trusted.
      if (affectsStart((section) => event.affectsConfiguration(section))) {
        void server.startSettingsChanged();
      }
    }),
  );
  void server.restart(); // not awaited: activation must not wait for a process
}

async function offerSetUp(setUp: SetUp, server: Server): Promise<void> {
  if (await setUp.offer(false)) await server.restart();
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}
