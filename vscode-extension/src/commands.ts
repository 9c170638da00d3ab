/** The commands of the palette and of the status item's menu. */
import * as vscode from "vscode";
import { reasonOf, type Server } from "./client";
import { chooseEffort, chooseModel } from "./choices";
import { explainStackTrace } from "./explain";
import type { Pages } from "./pages";
import type { Pauses } from "./pauses";
import type { SetUp } from "./setUp";
import { statisticsPage } from "./statistics";

/** What commands act on. */
export interface Parts {
  readonly server: Server;
  readonly pauses: Pauses;
  readonly log: vscode.LogOutputChannel;
  readonly setUp: SetUp;
  readonly pages: Pages;
}

type Action = (parts: Parts) => unknown;

/** Passes on to VS Code's own command, under a name that can be found and bound. */
function editor(action: string): Action {
  return () => vscode.commands.executeCommand(`editor.action.inlineSuggest.${action}`);
}

/** Every command of package.json, without the prefix `mixline.`. */
const ACTIONS: Readonly<Record<string, Action>> = {
  trigger: editor("trigger"),
  acceptWord: editor("acceptNextWord"),
  acceptLine: editor("acceptNextLine"),
  nextAlternative: editor("showNext"),
  previousAlternative: editor("showPrevious"),
  toggleLanguage,
  toggleWorkspace: ({ pauses }) => pauses.toggleWorkspace(),
  snooze5Minutes: ({ pauses }) => {
    pauses.snooze(5);
  },
  snooze30Minutes: ({ pauses }) => {
    pauses.snooze(30);
  },
  endSnooze: ({ pauses }) => {
    pauses.endSnooze();
  },
  chooseModel: ({ server }) => chooseModel(server.modelPath),
  chooseEffort,
  setUp: async ({ setUp, server }) => {
    if (await setUp.offer(true)) await server.restart();
  },
  installByHand: ({ setUp }) => setUp.explain(),
  restart: ({ server }) => server.restart(),
  showLog: ({ log }) => {
    log.show();
  },
  showStatistics,
  writeDocstring,
  explainStackTrace: ({ server }) => explainStackTrace(server),
  openSettings: () => vscode.commands.executeCommand("workbench.action.openSettings", "mixline."),
  showMenu,
};

/** Registers them all. */
export function registerCommands(parts: Parts): vscode.Disposable {
  const registered = Object.entries(ACTIONS).map(([name, action]) =>
    vscode.commands.registerCommand(`mixline.${name}`, () => attempt(action, parts)),
  );
  return vscode.Disposable.from(...registered);
}

/** VS Code would show an error too, without a word about whose it is. */
async function attempt(action: Action, parts: Parts): Promise<void> {
  try {
    await action(parts);
  } catch (error) {
    void vscode.window.showErrorMessage(`Mixline: ${reasonOf(error).replace(/\.$/, "")}.`);
  }
}

/** Says why there is no server, and offers what can be done about it. */
export async function explainFailure(reason: string, { server, log }: Parts): Promise<void> {
  const restart = "Restart";
  const settings = "Settings";
  const showLog = "Log";
  const text = `Mixline: ${reason}.`;
  const chosen = await vscode.window.showErrorMessage(text, restart, settings, showLog);
  if (chosen === restart) await server.restart();
  if (chosen === settings) {
    await vscode.commands.executeCommand("workbench.action.openSettings", "mixline.server");
  }
  if (chosen === showLog) log.show();
}

async function toggleLanguage({ pauses }: Parts): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) {
    void vscode.window.showInformationMessage("Mixline: open a file of the language first.");
    return;
  }
  await pauses.toggleLanguage(document.languageId);
}

async function writeDocstring({ server }: Parts): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined) {
    void vscode.window.showInformationMessage("Mixline: put the cursor into a function first.");
    return;
  }
  await server.writeDocstring(editor.document.uri, editor.selection.active.line);
}

async function showStatistics({ server, pages }: Parts): Promise<void> {
  const statistics = await server.statistics();
  if (statistics === undefined) {
    void vscode.window.showInformationMessage(
      "Mixline: the server does not run, so it cannot tell.",
    );
    return;
  }
  await pages.show("Mixline Statistics.md", statisticsPage(statistics));
}

async function showMenu({ server, pauses }: Parts): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const pause = pauses.pauseFor(document);
  const language = document?.languageId;
  const entries: (vscode.QuickPickItem & { readonly action?: string })[] = [];
  if (server.state.kind === "absent") {
    entries.push({ label: "$(cloud-download) Set up the server…", action: "setUp" });
    entries.push({ label: "$(book) How to install it by hand", action: "installByHand" });
  }
  if (pause?.kind === "snooze")
    entries.push({ label: "$(play) End the snooze", action: "endSnooze" });
  else {
    entries.push({ label: "$(clock) Snooze for 5 minutes", action: "snooze5Minutes" });
    entries.push({ label: "$(clock) Snooze for 30 minutes", action: "snooze30Minutes" });
  }
  if (language !== undefined) {
    const verb = pause?.kind === "language" ? "$(play) Resume" : "$(debug-pause) Pause";
    entries.push({ label: `${verb} for ${language}`, action: "toggleLanguage" });
  }
  const verb = pause?.kind === "workspace" ? "$(play) Resume" : "$(debug-pause) Pause";
  entries.push(
    { label: `${verb} in this workspace`, action: "toggleWorkspace" },
    { label: "", kind: vscode.QuickPickItemKind.Separator },
    { label: "$(package) Choose the model…", action: "chooseModel" },
    { label: "$(dashboard) Choose speed or quality…", action: "chooseEffort" },
    { label: "$(settings-gear) Settings", action: "openSettings" },
    { label: "$(debug-restart) Restart the server", action: "restart" },
    { label: "$(graph) Show the statistics", action: "showStatistics" },
    { label: "$(note) Write a docstring", action: "writeDocstring" },
    { label: "$(question) Explain a stack trace", action: "explainStackTrace" },
    { label: "$(output) Show the log", action: "showLog" },
  );
  const title = server.state.kind === "failed" ? `Mixline: ${server.state.reason}` : "Mixline";
  const chosen = await vscode.window.showQuickPick(entries, { title });
  if (chosen?.action !== undefined) {
    await vscode.commands.executeCommand(`mixline.${chosen.action}`);
  }
}
