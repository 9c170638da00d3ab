/** The server's private environment: what the .vsix carries for it, where it is, whether it is whole. */
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

/** What is fetched from the package index and kept, in bytes, as measured (docs/vscode.md). */
export const FETCHED = { plain: 57e6, gpu: 285e6 } as const;
export const KEPT = { plain: 204e6, gpu: 470e6 } as const;

/** The files that make an environment. */
export interface Parts {
  readonly wheel: string;
  readonly pip: string;
  readonly program: string;
}

/** The bundled files, or undefined in a .vsix that was packed without them. */
export function bundledParts(extension: string): Parts | undefined {
  const folder = path.join(extension, "server");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const file = (start: string, end: string): string | undefined => {
    const name = names.find((each) => each.startsWith(start) && each.endsWith(end));
    return name === undefined ? undefined : path.join(folder, name);
  };
  const wheel = file("mixline-", ".whl");
  const pip = file("pip-", ".whl");
  const program = file("make_environment", ".py");
  if (wheel === undefined || pip === undefined || program === undefined) return undefined;
  return { wheel, pip, program };
}

/**
 * Where the environment of these files belongs.
 *
 * @param storage - the extension's own folder, outside every workspace.
 */
export function environmentFolder(storage: string, { wheel }: Parts): string {
  const digest = createHash("sha256").update(readFileSync(wheel)).digest("hex");
  return path.join(storage, `server-${digest.slice(0, 12)}`);
}

/**
 * The interpreter of an environment that is whole; undefined also where the Python that it was made
 * with has gone, since one of another version does not find the packages.
 */
export function interpreterOf(folder: string): string | undefined {
  const python = path.join(folder, "bin", "python");
  try {
    const ready: unknown = JSON.parse(readFileSync(path.join(folder, "ready.json"), "utf8"));
    accessSync(python, constants.X_OK);
    const isSame =
      typeof ready === "object" &&
      ready !== null &&
      "interpreter" in ready &&
      ready.interpreter === realpathSync(python);
    return isSame ? python : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the user did not want this environment to be made. */
export function wasDeclined(folder: string): boolean {
  try {
    return readFileSync(declinedFile(folder), "utf8") === path.basename(folder);
  } catch {
    return false;
  }
}

/**
 * Remembers what the user said of this environment, until another version of the server comes along.
 *
 * A file, for what VS Code remembers for an extension is written some time later, and never if the
 * window is closed or loaded again before.
 *
 * @throws what the file system says, where it takes no file.
 */
export function setDeclined(folder: string, isDeclined: boolean): void {
  const file = declinedFile(folder);
  if (isDeclined) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, path.basename(folder));
  } else {
    rmSync(file, { force: true });
  }
}

function declinedFile(folder: string): string {
  return path.join(path.dirname(folder), "declined");
}

/** Whether a driver is there that a GPU can be used through; the bigger runtime is of no use else. */
export function hasNvidiaDriver(exists: (file: string) => boolean = existsSync): boolean {
  return ["/proc/driver/nvidia/version", "/usr/lib/wsl/lib/libcuda.so.1"].some(exists);
}

/** How to do by hand what was declined or went wrong. */
export function instructions(parts: Parts | undefined, python: string | undefined): string {
  const wheel = parts?.wheel ?? "mixline-VERSION-PLATFORM.whl";
  const needs =
    python === undefined
      ? "Mixline needs Python 3.11 or newer, and no `python3` was found on `PATH`. Install it first.\n\n"
      : "";
  return `# Installing Mixline's server by hand

${needs}With uv or pipx, if one of them is on the machine:

    uv tool install '${wheel}'
    pipx install '${wheel}'

The command \`mixline\` is then on PATH: run _Mixline: Restart the Server_ (after a change of PATH, restart VS Code).

With Python alone (on Debian: \`apt install python3-venv\`):

    python3 -m venv ~/.local/share/mixline
    ~/.local/share/mixline/bin/python -m pip install '${wheel}'

and in the settings: \`mixline.server.interpreter\` is the absolute path of \`~/.local/share/mixline/bin/python\`.

Without a network, fetch on a machine that has one, of the same system and Python version, and carry the folder over:

    python3 -m pip download --dest mixline-wheels '${wheel}'
    ~/.local/share/mixline/bin/python -m pip install --no-index --find-links mixline-wheels mixline

_Mixline: Set Up the Server…_ does it for you when a network is there.
`;
}
