/** Starts, watches and restarts the language server, and tells of its state. */
import readline from "node:readline";
import { isDeepStrictEqual } from "node:util";
import * as vscode from "vscode";
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  State,
  type CloseHandlerResult,
  type ExecuteCommandParams,
  type LanguageClientOptions,
  type WorkspaceEdit as ProtocolEdit,
} from "vscode-languageclient/node";
import { DOCUMENTS, type GhostText } from "./inlineCompletion";
import { OneAtATime } from "./oneAtATime";
import { thisMachine } from "./machine";
import { launch, locateServer } from "./serverLocation";
import {
  serverSettingNames,
  serverSettings,
  startSettings,
  type Manifest,
  type StartSettings,
} from "./settings";
import type { Statistics } from "./statistics";
import { stateOf, type ServerState, type StatusAnswer } from "./status";

const LOADING_TOKEN = "mixline-load";
const POLL_MS = 250;
const CRASHES = { most: 4, withinMs: 180_000 };

interface ReadyParams {
  readonly uri: string;
  readonly version: number;
  readonly position: { readonly line: number; readonly character: number };
}

interface ExplainAnswer {
  readonly explanation: string;
  readonly frames: readonly { readonly uri: string; readonly line: number }[];
  readonly fixes: readonly { readonly title: string; readonly edit: ProtocolEdit }[];
}

/** What is said of a stack trace. */
export interface Explanation {
  /** One paragraph. */
  readonly explanation: string;
  /** In the workspace, the innermost last; lines count from 0. */
  readonly frames: readonly { readonly uri: vscode.Uri; readonly line: number }[];
  readonly fixes: readonly { readonly title: string; readonly apply: () => Promise<boolean> }[];
}

interface Parts {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly ghostText: GhostText;
  readonly isPaused: () => boolean;
  /** The interpreter of the private environment, if it was made. */
  readonly ownInterpreter: () => string | undefined;
}

/** The language server of this window. */
export class Server implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<ServerState>();
  readonly onDidChange = this.changed.event;
  private readonly parts: Parts;
  private readonly settingNames: readonly string[];
  private readonly starts = new OneAtATime(() => this.startAgain());
  private client: LanguageClient | undefined;
  private current: ServerState = { kind: "stopped" };
  private started: StartSettings | undefined;
  private crashesMs: number[] = [];
  private modelPathSeen: string | undefined;

  constructor(parts: Parts) {
    this.parts = parts;
    this.settingNames = serverSettingNames(parts.context.extension.packageJSON as Manifest);
  }

  get state(): ServerState {
    return this.current;
  }

  /** The folder of the model in use, once one was loaded. */
  get modelPath(): string | undefined {
    return this.modelPathSeen;
  }

  /** Starts the server anew, with the settings of this moment; several calls become one. */
  restart(): Promise<void> {
    this.crashesMs = [];
    return this.starts.run();
  }

  /** Starts the server anew if it was last started, or sought, with other settings. */
  async startSettingsChanged(): Promise<void> {
    const settings = startSettings(vscode.workspace.getConfiguration("mixline"));
    if (!isDeepStrictEqual(settings, this.started)) await this.restart();
  }

  /** Lets the server ask for its settings again: a pause is part of them. */
  async settingsChanged(): Promise<void> {
    if (this.client?.state !== State.Running) return;
    await this.client.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
  }

  /** The environment for the server is being made. */
  settingUp(stage: string, percentage: number): void {
    this.become({ kind: "settingUp", stage, percentage });
  }

  /** What an untrusted workspace could not set is in force now, and the server may do more. */
  async trustGranted(): Promise<void> {
    const settings = startSettings(vscode.workspace.getConfiguration("mixline"));
    if (this.client?.state === State.Running && isDeepStrictEqual(settings, this.started)) {
      await this.client.sendNotification("mixline/didChangeTrust", { trusted: true });
    } else await this.restart();
  }

  /** What became of suggestions; undefined where no server runs that could tell. */
  async statistics(): Promise<Statistics | undefined> {
    if (this.client?.state !== State.Running) return undefined;
    return this.client.sendRequest<Statistics>("mixline/stats", {});
  }

  /** What a stack trace says of this workspace; undefined where the text holds none. */
  async explain(trace: string, token: vscode.CancellationToken): Promise<Explanation | undefined> {
    const client = this.runningClient();
    const answer = await execute<ExplainAnswer | null>(client, "mixline.explain", { trace }, token);
    if (answer === null) return undefined;
    return {
      explanation: answer.explanation,
      frames: answer.frames.map(({ uri, line }) => ({
        uri: client.protocol2CodeConverter.asUri(uri),
        line,
      })),
      fixes: answer.fixes.map(({ title, edit }) => ({
        title,
        apply: async () =>
          vscode.workspace.applyEdit(await client.protocol2CodeConverter.asWorkspaceEdit(edit)),
      })),
    };
  }

  /** Has the docstring written of what is defined around a line (from 0); the server edits. */
  async writeDocstring(uri: vscode.Uri, line: number): Promise<void> {
    const client = this.runningClient();
    const argument = { uri: client.code2ProtocolConverter.asUri(uri), line };
    await execute(client, "mixline.docstring", argument);
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      this.parts.log.warn(`the server did not stop in good order: ${reasonOf(error)}`);
    }
  }

  dispose(): void {
    this.changed.dispose();
  }

  private runningClient(): LanguageClient {
    if (this.client?.state !== State.Running) throw new Error("the server does not run");
    return this.client;
  }

  private async startAgain(): Promise<void> {
    await this.stop();
    this.become({ kind: "starting" });
    const settings = startSettings(vscode.workspace.getConfiguration("mixline"));
    this.started = settings;
    const machine = thisMachine();
    const location = locateServer(settings, machine, this.parts.ownInterpreter);
    if (location.kind === "missing") {
      this.become({ kind: "failed", reason: location.reason });
      return;
    }
    if (location.kind === "absent") {
      this.become({ kind: "absent" });
      return;
    }
    const workingFolder = this.parts.context.globalStorageUri;
    await vscode.workspace.fs.createDirectory(workingFolder);
    const start = launch(location, { ...settings, workingFolder: workingFolder.fsPath }, machine);
    this.parts.log.info(`starting ${[start.command, ...start.args].join(" ")} (${location.kind})`);
    const client = new LanguageClient("mixline", "Mixline", start, this.options());
    this.client = client;
    client.onDidChangeState(({ newState }) => {
      if (client !== this.client) return;
      if (newState === State.Starting) this.become({ kind: "starting" });
      if (newState === State.Running) void this.followLoading(client);
    });
    client.onNotification("mixline/ready", async (params: ReadyParams) => {
      const position = client.protocol2CodeConverter.asPosition(params.position);
      const uri = client.protocol2CodeConverter.asUri(params.uri);
      await this.parts.ghostText.ready(uri, params.version, position);
    });
    try {
      await client.start();
    } catch (error) {
      if (client === this.client) this.fail(`the server did not start: ${reasonOf(error)}`);
    }
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: DOCUMENTS,
      outputChannel: this.parts.log,
      stdioOptions: {
        stdout: () => undefined, // the protocol's own
        stderr: (stream) => {
          readline.createInterface({ input: stream }).on("line", (line) => {
            this.logLine(line);
          });
        },
      },
      // A function, so that a restart by the client itself sends what holds then.
      initializationOptions: () => ({
        trusted: vscode.workspace.isTrusted,
        settings: this.serverSettings(),
      }),
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.closed(),
      },
      initializationFailedHandler: () => false,
      middleware: {
        provideInlineCompletionItems: this.parts.ghostText.provide,
        handleWorkDoneProgress: (token, progress, next) => {
          if (token !== LOADING_TOKEN || progress.kind === "end") {
            next(token, progress);
            return;
          }
          this.become({
            kind: "loading",
            stage: progress.message ?? "",
            percentage: progress.percentage ?? 0,
          });
        },
        workspace: {
          configuration: async (params, token, next) => {
            const answers = await next(params, token);
            if (!Array.isArray(answers)) return answers;
            return params.items.map(({ section }, index): unknown =>
              section === "mixline" ? this.serverSettings() : answers[index],
            );
          },
        },
      },
    };
  }

  private serverSettings(): Record<string, unknown> {
    const configuration = vscode.workspace.getConfiguration("mixline");
    return serverSettings(configuration, this.settingNames, this.parts.isPaused());
  }

  private async followLoading(client: LanguageClient): Promise<void> {
    while (client === this.client && client.state === State.Running) {
      let answer: StatusAnswer;
      try {
        answer = await client.sendRequest<StatusAnswer>("mixline/status", {});
      } catch (error) {
        this.parts.log.warn(`the server does not tell its state: ${reasonOf(error)}`);
        return; // it has ended, which `closed` is told of
      }
      this.modelPathSeen = answer.model?.path ?? this.modelPathSeen;
      // How far loading is comes as progress.
      if (answer.state !== "loading") {
        this.become(stateOf(answer));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  private closed(): CloseHandlerResult {
    const nowMs = performance.now();
    this.crashesMs = [...this.crashesMs.filter((ms) => nowMs - ms < CRASHES.withinMs), nowMs];
    if (this.crashesMs.length <= CRASHES.most) {
      this.parts.log.warn("the server has ended; starting it again");
      return { action: CloseAction.Restart, handled: true };
    }
    this.fail(`the server has ended ${this.crashesMs.length} times in three minutes`);
    return { action: CloseAction.DoNotRestart, handled: true };
  }

  private fail(reason: string): void {
    this.parts.log.error(reason);
    this.become({ kind: "failed", reason });
  }

  private become(state: ServerState): void {
    this.current = state;
    this.changed.fire(state);
  }

  /** The server's lines are `date time LEVEL logger: text`; the channel has times of its own. */
  private logLine(line: string): void {
    const [, level, text] = /^\S+ \S+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)$/.exec(line) ?? [];
    const { log } = this.parts;
    if (level === "INFO") log.info(text ?? line);
    else if (level === "DEBUG") log.debug(text ?? line);
    else if (level === "WARNING") log.warn(text ?? line);
    else log.error(text ?? line);
  }
}

/** Runs a command of the server's. */
function execute<T>(
  client: LanguageClient,
  command: string,
  argument: object,
  ...token: [] | [vscode.CancellationToken]
): Promise<T> {
  const params: ExecuteCommandParams = { command, arguments: [argument] };
  // An undefined token would be sent as a second parameter.
  return client.sendRequest<T>(ExecuteCommandRequest.method, params, ...token);
}

/** What went wrong, in words. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
