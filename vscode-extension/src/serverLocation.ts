/** Finds the program that is the language server, and how to start it; nothing from the workspace is run. */
import path from "node:path";

/** What the user has set, and the machine that it is looked up on. */
export interface LocationSettings {
  readonly command: string;
  readonly interpreter: string;
}

export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Workspace folders, as paths; what lies in them is never run. */
  readonly folders: readonly string[];
  /** The path with its links resolved if it is a file that may be run, else undefined. */
  readonly program: (candidate: string) => string | undefined;
  /** The path with its links resolved, or itself if there is nothing. */
  readonly resolved: (candidate: string) => string;
}

export type ServerLocation =
  | { readonly kind: "command"; readonly program: string }
  | { readonly kind: "interpreter"; readonly program: string }
  | { readonly kind: "onPath"; readonly program: string }
  | { readonly kind: "own"; readonly program: string }
  | { readonly kind: "missing"; readonly reason: string }
  | { readonly kind: "absent" };

/** One way to a server: a location, or undefined where this way does not apply. */
type Finder = (settings: LocationSettings, machine: Machine) => ServerLocation | undefined;

const LEAST_PYTHON_MINOR = 11;
const PYTHONS = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

const FINDERS: readonly Finder[] = [
  ({ command }, machine) => configured("command", "mixline.server.command", command, machine),
  ({ interpreter }, machine) =>
    configured("interpreter", "mixline.server.interpreter", interpreter, machine),
  (_, machine) => {
    const program = programOnPath("mixline", machine);
    return program === undefined ? undefined : { kind: "onPath", program };
  },
];

/**
 * The first of: the set program, the set interpreter, `mixline` on PATH, the private environment.
 * `missing` is what was set and is not there; `absent` asks for a set-up.
 *
 * @param ownInterpreter - the private environment's, asked for only where nothing else was found.
 */
export function locateServer(
  settings: LocationSettings,
  machine: Machine,
  ownInterpreter: () => string | undefined,
): ServerLocation {
  for (const find of FINDERS) {
    const found = find(settings, machine);
    if (found !== undefined) return found;
  }
  const own = ownInterpreter();
  return own === undefined ? { kind: "absent" } : { kind: "own", program: own };
}

/** A Python for the set-up: `python3` from PATH unless its name says that it is too old. */
export function findPython(machine: Machine): string | undefined {
  const isOld = (program: string): boolean => {
    const minor = /python3\.(\d+)$/.exec(machine.resolved(program))?.[1];
    return minor !== undefined && Number(minor) < LEAST_PYTHON_MINOR;
  };
  return PYTHONS.map((name) => programOnPath(name, machine)).find(
    (program) => program !== undefined && !isOld(program),
  );
}

export interface LaunchSettings {
  readonly model: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** A folder outside every workspace: a program's working folder may lend it code. */
  readonly workingFolder: string;
}

export interface Launch {
  readonly command: string;
  readonly args: string[];
  readonly options: { readonly cwd: string; readonly env: Record<string, string | undefined> };
}

/** How to start the server that was found. */
export function launch(
  location: Exclude<ServerLocation, { kind: "missing" | "absent" }>,
  settings: LaunchSettings,
  machine: Machine,
): Launch {
  const model = settings.model === "" ? [] : ["--model", settings.model];
  const serve = ["serve", "--stdio", ...model, ...settings.arguments];
  const isInterpreter = location.kind === "interpreter" || location.kind === "own";
  return {
    command: location.program,
    // -P: no module is imported from the working folder or from beside a script.
    args: isInterpreter ? ["-P", "-m", "mixline", ...serve] : serve,
    options: {
      cwd: settings.workingFolder,
      env: {
        ...safeEnvironment(machine),
        PYTHONSAFEPATH: "1",
        ...settings.environment,
      },
    },
  };
}

/** The variables of the machine, without the entries of PATH that are not to be searched. */
export function safeEnvironment(machine: Machine): Record<string, string | undefined> {
  const separator = machine.platform === "win32" ? ";" : ":";
  return { ...machine.environment, [pathVariable(machine)]: safePath(machine).join(separator) };
}

function configured(
  kind: "command" | "interpreter",
  setting: string,
  value: string,
  machine: Machine,
): ServerLocation | undefined {
  if (value === "") return undefined;
  if (!paths(machine).isAbsolute(value)) {
    const reason = `expected an absolute path in ${setting}, got "${value}"`;
    return { kind: "missing", reason };
  }
  if (machine.program(value) === undefined) {
    const reason = `expected a program at ${value} (setting ${setting}), found none that may be run`;
    return { kind: "missing", reason };
  }
  // Not the resolved path: an interpreter knows its environment by the name that it is called by.
  return { kind, program: value };
}

function programOnPath(name: string, machine: Machine): string | undefined {
  const ending = machine.platform === "win32" ? ".exe" : "";
  return safePath(machine)
    .map((folder) => paths(machine).join(folder, name + ending))
    .find((candidate) => {
      const real = machine.program(candidate);
      return real !== undefined && !isInside(real, machine);
    });
}

/** The entries of PATH that are absolute and outside the workspace. */
function safePath(machine: Machine): string[] {
  const entries = machine.environment[pathVariable(machine)] ?? "";
  return entries
    .split(machine.platform === "win32" ? ";" : ":")
    .filter((entry) => paths(machine).isAbsolute(entry))
    .filter((entry) => !isInside(entry, machine) && !isInside(machine.resolved(entry), machine));
}

function isInside(candidate: string, machine: Machine): boolean {
  return machine.folders
    .flatMap((folder) => [folder, machine.resolved(folder)])
    .some((folder) => {
      const way = paths(machine).relative(folder, candidate);
      return way.split(/[/\\]/)[0] !== ".." && !paths(machine).isAbsolute(way);
    });
}

function pathVariable(machine: Machine): string {
  // Windows writes it `Path`, and compares without case.
  return Object.keys(machine.environment).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
}

function paths(machine: Machine): path.PlatformPath {
  return machine.platform === "win32" ? path.win32 : path.posix;
}
