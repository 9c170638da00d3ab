/** From VS Code's settings to what the server is told, and to what this extension needs itself. */
import type { Pause } from "./status";

/** What is used of `vscode.WorkspaceConfiguration`. */
export interface Configuration {
  get(name: string): unknown;
  inspect(name: string): Levels | undefined;
}

interface Levels {
  readonly globalValue?: unknown;
  readonly workspaceValue?: unknown;
  readonly workspaceFolderValue?: unknown;
}

/** What is used of package.json. */
export interface Manifest {
  readonly contributes: {
    readonly configuration: readonly {
      readonly properties: Readonly<Record<string, unknown>>;
    }[];
  };
}

const SECTION = "mixline.";
// Those that the server is started with, or that are the client's, and so are never asked for.
const OWN = new Set(["model"]);
const OWN_SECTIONS = ["server.", "trace."];
export const DISABLED_LANGUAGES = "disabledLanguages";
// Lists to which each level adds: a workspace must not be able to take an entry of the user's away.
const ADDED_UP = new Set(["secretsExtra"]);

/** The settings that the server knows, without the section's name. */
export function serverSettingNames(manifest: Manifest): string[] {
  return manifest.contributes.configuration
    .flatMap(({ properties }) => Object.keys(properties))
    .map((name) => name.slice(SECTION.length))
    .filter((name) => !OWN.has(name) && !OWN_SECTIONS.some((section) => name.startsWith(section)));
}

/** The object that the server gets for the section `mixline`. */
export function serverSettings(
  configuration: Configuration,
  names: readonly string[],
  paused: boolean,
): Record<string, unknown> {
  const settings = Object.fromEntries(
    names.map((name) => [
      name,
      ADDED_UP.has(name) ? addedUp(configuration.inspect(name)) : configuration.get(name),
    ]),
  );
  return paused ? { ...settings, enable: false } : settings;
}

/**
 * Why the settings want a language quiet. VS Code passes on whatever stands in a file: a value of
 * another kind than package.json says counts as none, as it does for the server.
 */
export function pauseBySettings(configuration: Configuration, language: string): Pause | undefined {
  if (configuration.get("enable") === false) return { kind: "setting" };
  return strings(configuration.get(DISABLED_LANGUAGES)).includes(language)
    ? { kind: "language", language }
    : undefined;
}

/** The languages that are to be quiet once one of them is, or no longer is. */
export function toggledLanguages(configuration: Configuration, language: string): string[] {
  const disabled = new Set(strings(configuration.get(DISABLED_LANGUAGES)));
  if (!disabled.delete(language)) disabled.add(language);
  return [...disabled];
}

/** Whether a setting's value in force is the workspace's, by which the user's own is hidden. */
export function isWorkspaces(levels: Levels | undefined): boolean {
  return levels?.workspaceValue !== undefined;
}

/** What the server is started with. */
export interface StartSettings {
  readonly command: string;
  readonly interpreter: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly model: string;
}

/** Reads them; a value of another kind than package.json says counts as none. */
export function startSettings(configuration: Configuration): StartSettings {
  const text = (name: string): string => {
    const value = configuration.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  return {
    command: text("server.command"),
    interpreter: text("server.interpreter"),
    arguments: strings(configuration.get("server.arguments")),
    environment: stringValues(configuration.get("server.environment")),
    model: text("model"),
  };
}

/** Whether a change of settings asks for another start. */
export function affectsStart(affects: (section: string) => boolean): boolean {
  return ["server", "model", "completionFallback"].some((name) => affects(SECTION + name));
}

function addedUp(levels: Levels | undefined): string[] {
  return [
    ...new Set([
      ...strings(levels?.globalValue),
      ...strings(levels?.workspaceValue),
      ...strings(levels?.workspaceFolderValue),
    ]),
  ];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

function stringValues(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, string] => typeof entry[1] === "string",
    ),
  );
}
