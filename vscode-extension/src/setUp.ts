/** The first set-up: one question, then an environment for the server, with progress all the way. */
import { spawn } from "node:child_process";
import readline from "node:readline";
import * as vscode from "vscode";
import {
  FETCHED,
  KEPT,
  hasNvidiaDriver,
  instructions,
  setDeclined,
  wasDeclined,
  type Parts,
} from "./environment";
import { reasonOf } from "./client";
import type { Pages } from "./pages";

const SET_UP = "Set It Up";
const BY_HAND = "Install by Hand";

interface Surroundings {
  readonly log: vscode.LogOutputChannel;
  readonly pages: Pages;
  readonly parts: Parts | undefined;
  /** Where the environment is to be. */
  readonly folder: () => string | undefined;
  /** A Python from PATH, not from the workspace. */
  readonly python: () => string | undefined;
  readonly environment: () => Record<string, string | undefined>;
  readonly onProgress: (stage: string, percentage: number) => void;
}

/** Asks, and makes the environment. */
export class SetUp {
  private readonly around: Surroundings;
  private isAsking = false;

  constructor(around: Surroundings) {
    this.around = around;
  }

  /**
   * Offers the set-up unless it was declined before.
   *
   * @param isAskedFor - the user wants the question, whatever was said before.
   * @returns whether it was tried, so that the server is to be looked for again.
   */
  async offer(isAskedFor: boolean): Promise<boolean> {
    const { parts } = this.around;
    const folder = this.around.folder();
    const python = this.around.python();
    // Once, until another version of the server comes along.
    if (!isAskedFor && folder !== undefined && wasDeclined(folder)) return false;
    if (this.isAsking) return false;
    if (!vscode.workspace.isTrusted) {
      const text = "Mixline: the server is set up once this workspace is trusted.";
      if (isAskedFor) void vscode.window.showWarningMessage(text);
      return false;
    }
    if (parts === undefined || folder === undefined || python === undefined) {
      await this.explain();
      return false;
    }
    this.isAsking = true;
    try {
      if ((await ask(folder)) !== SET_UP) {
        this.remember(folder, true);
        await this.explain();
        return false;
      }
      const isMade = await this.makeWithProgress(python, parts, folder);
      this.remember(folder, !isMade);
      return true;
    } finally {
      this.isAsking = false;
    }
  }

  /** Shows how to do it by hand. */
  async explain(): Promise<void> {
    const text = instructions(this.around.parts, this.around.python());
    await this.around.pages.show("Installing Mixline by Hand.md", text);
  }

  private remember(folder: string, isDeclined: boolean): void {
    try {
      setDeclined(folder, isDeclined);
    } catch (error) {
      this.around.log.warn(`the answer is not remembered: ${reasonOf(error)}`);
    }
  }

  private async makeWithProgress(python: string, parts: Parts, folder: string): Promise<boolean> {
    const location = vscode.ProgressLocation.Notification;
    const title = "Mixline: setting up the server";
    const reason = await vscode.window.withProgress(
      { location, title, cancellable: true },
      (progress, token) => this.make(python, parts, folder, progress, token),
    );
    if (reason === undefined) return true;
    this.around.log.error(`the set-up has failed: ${reason}`);
    await this.explain();
    void vscode.window.showErrorMessage(`Mixline: the set-up has failed: ${reason}.`);
    return false;
  }

  /** Runs the program that the .vsix carries; returns why it failed, undefined if it did not. */
  private make(
    python: string,
    parts: Parts,
    folder: string,
    progress: vscode.Progress<{ message?: string; increment?: number }>,
    token: vscode.CancellationToken,
  ): Promise<string | undefined> {
    const { log } = this.around;
    const files = ["--wheel", parts.wheel, "--pip", parts.pip, "--into", folder];
    const gpu = hasNvidiaDriver() ? ["--gpu"] : [];
    const child = spawn(python, ["-I", parts.program, ...files, ...gpu], {
      cwd: "/",
      env: this.around.environment(),
    });
    // The program takes everything back when its stdin ends: now, or when VS Code dies.
    const watch = token.onCancellationRequested(() => child.stdin.end());
    let last = 0;
    let error = "it was ended";
    let isMade = false;
    const hear = (line: string): void => {
      const said = parsed(line);
      if (said.log !== undefined) log.info(said.log);
      if (said.error !== undefined) error = said.error;
      if (said.made !== undefined) isMade = true;
      if (said.stage === undefined || said.share === undefined) return;
      const percentage = Math.max(last, Math.floor(said.share * 100));
      progress.report({ message: said.stage, increment: percentage - last });
      this.around.onProgress(said.stage, percentage);
      last = percentage;
    };
    readline.createInterface({ input: child.stdout }).on("line", hear);
    readline.createInterface({ input: child.stderr }).on("line", (line) => {
      log.warn(line);
    });
    return new Promise((resolve) => {
      const end = (reason: string | undefined): void => {
        watch.dispose();
        resolve(reason);
      };
      child.on("error", ({ message }) => {
        end(message);
      });
      child.on("close", () => {
        end(isMade ? undefined : error);
      });
    });
  }
}

function ask(folder: string): Thenable<string | undefined> {
  const kind = hasNvidiaDriver() ? "gpu" : "plain";
  const runtime = kind === "gpu" ? "ONNX Runtime for NVIDIA GPUs" : "ONNX Runtime";
  const detail =
    `Mixline's language server came with this extension and needs Python packages: ${runtime}, ` +
    `NumPy, tokenizers, tree-sitter grammars and what they need. pip fetches about ` +
    `${inMb(FETCHED[kind])} MB from the package index that your pip is set to, ` +
    `and ${inMb(KEPT[kind])} MB are kept in ${folder}.\n\n` +
    "That is all that is ever downloaded. Your code stays on this machine.";
  const message = "Set up Mixline's server?";
  return vscode.window.showInformationMessage(message, { modal: true, detail }, SET_UP, BY_HAND);
}

function inMb(bytes: number): number {
  return Math.round(bytes / 1e6);
}

interface Said {
  readonly stage?: string;
  readonly share?: number;
  readonly log?: string;
  readonly made?: string;
  readonly error?: string;
}

function parsed(line: string): Said {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return { log: line };
  }
}
