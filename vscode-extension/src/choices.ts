/** The questions with a list of answers: which model, how much effort. */
import path from "node:path";
import * as vscode from "vscode";
import { isWorkspaces } from "./settings";

const MANIFEST = "manifest.json";
const EFFORTS = [
  { value: "1", label: "All experts", detail: "the model as it was trained" },
  { value: "0.75", label: "Three quarters of the experts", detail: "a little faster" },
  { value: "0.5", label: "Half of the experts", detail: "faster, less accurate" },
  {
    value: "p0.8",
    label: "As many as hold 80 % of the router's mass",
    detail: "fewer where the choice is clear",
  },
] as const;

/** Asks how many experts are to work on each token, and sets it. */
export async function chooseEffort(): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("mixline");
  const current = configuration.get<string>("effort");
  const entries = EFFORTS.map(({ value, label, detail }) => ({
    label,
    detail: `${value}: ${detail}`,
    value,
    ...(value === current ? { description: "in use" } : {}),
  }));
  const chosen = await vscode.window.showQuickPick(entries, { title: "Mixline: speed or quality" });
  if (chosen === undefined) return;
  await change("effort", chosen.value);
}

/** Sets a value where the one in force was written, so that it is not hidden by that one. */
export async function change(name: string, value: unknown): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("mixline");
  const target = isWorkspaces(configuration.inspect(name))
    ? vscode.ConfigurationTarget.Workspace
    : vscode.ConfigurationTarget.Global;
  await configuration.update(name, value, target);
}

/**
 * Asks for a model directory and sets it; the change restarts the server.
 *
 * @param inUse - the directory of the model that is loaded; those beside it are offered.
 */
export async function chooseModel(inUse: string | undefined): Promise<void> {
  const configuration = vscode.workspace.getConfiguration("mixline");
  const found = inUse === undefined ? [] : await modelsIn(path.dirname(inUse));
  const entries: (vscode.QuickPickItem & { readonly pick: () => Promise<string | undefined> })[] = [
    {
      label: "The model that ships with Mixline",
      pick: () => Promise.resolve(""),
    },
    ...found.map((folder) => ({
      label: path.basename(folder),
      detail: folder,
      ...(folder === inUse ? { description: "in use" } : {}),
      pick: () => Promise.resolve(folder),
    })),
    { label: "Another model directory…", pick: browse },
  ];
  const chosen = await vscode.window.showQuickPick(entries, { title: "Mixline: the model" });
  const model = await chosen?.pick();
  if (model === undefined) return;
  await configuration.update("model", model, vscode.ConfigurationTarget.Global);
}

async function modelsIn(folder: string): Promise<string[]> {
  const inside = await vscode.workspace.fs.readDirectory(vscode.Uri.file(folder));
  const candidates = inside.map(([name]) => path.join(folder, name));
  const isModel = await Promise.all(candidates.map(hasManifest));
  return candidates.filter((_, index) => isModel[index]);
}

async function browse(): Promise<string | undefined> {
  const [picked] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: "Use this model",
    })) ?? [];
  if (picked === undefined) return undefined;
  if (await hasManifest(picked.fsPath)) return picked.fsPath;
  void vscode.window.showErrorMessage(
    `Mixline: expected a model directory with a ${MANIFEST}, found none in ${picked.fsPath}; ` +
      "make one with: mixline export CHECKPOINT_DIR OUT_DIR",
  );
  return undefined;
}

async function hasManifest(folder: string): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(vscode.Uri.file(path.join(folder, MANIFEST)));
    return true;
  } catch {
    return false;
  }
}
