/** The machine that the extension runs on, as the search for programs sees it. */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import * as vscode from "vscode";
import type { Machine } from "./serverLocation";

/** Its programs, variables and workspace folders of this moment. */
export function thisMachine(): Machine {
  return {
    platform: process.platform,
    environment: process.env,
    folders: (vscode.workspace.workspaceFolders ?? [])
      .filter(({ uri }) => uri.scheme === "file")
      .map(({ uri }) => uri.fsPath),
    program: (candidate) => {
      try {
        accessSync(candidate, constants.X_OK);
        return statSync(candidate).isFile() ? realpathSync(candidate) : undefined;
      } catch {
        return undefined;
      }
    },
    resolved: (candidate) => {
      try {
        return realpathSync(candidate);
      } catch {
        return candidate;
      }
    },
  };
}
