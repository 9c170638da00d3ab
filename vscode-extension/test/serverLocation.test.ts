import assert from "node:assert/strict";
import { test } from "node:test";
import {
  findPython,
  launch,
  locateServer,
  type LocationSettings,
  type Machine,
  type ServerLocation,
} from "../src/serverLocation";

const NOTHING_SET = { command: "", interpreter: "" };

/** A machine with some programs; `links` are resolved. */
function machine(
  programs: readonly string[],
  given: Partial<Machine> & {
    readonly PATH?: string;
    readonly links?: Record<string, string>;
  } = {},
): Machine {
  const resolved = (candidate: string): string => given.links?.[candidate] ?? candidate;
  return {
    platform: "linux",
    environment: { PATH: given.PATH ?? "/usr/bin:/home/me/bin" },
    folders: ["/home/me/project"],
    program: (candidate) => (programs.includes(candidate) ? resolved(candidate) : undefined),
    resolved,
    ...given,
  };
}

/** Finds the server where no private environment was made. */
function locate(settings: LocationSettings, machine: Machine): ServerLocation {
  return locateServer(settings, machine, () => undefined);
}

test("the set program wins over an interpreter and PATH", () => {
  const found = locate(
    { command: "/opt/mixline", interpreter: "/opt/python" },
    machine(["/opt/mixline", "/opt/python", "/usr/bin/mixline"]),
  );

  assert.deepEqual(found, { kind: "command", program: "/opt/mixline" });
});

test("an interpreter is called by the name that was set, and runs the module", () => {
  const here = machine(["/venv/bin/python"], { links: { "/venv/bin/python": "/usr/bin/python3" } });
  const found = locate({ command: "", interpreter: "/venv/bin/python" }, here);
  assert.ok(found.kind === "interpreter");
  const start = launch(
    found,
    { model: "/models/m", arguments: ["--x"], environment: {}, workingFolder: "/state" },
    here,
  );

  assert.equal(start.command, "/venv/bin/python");
  assert.deepEqual(start.args, [
    ...["-P", "-m", "mixline", "serve", "--stdio"],
    ...["--model", "/models/m", "--x"],
  ]);
});

test("the first mixline on PATH is taken", () => {
  const found = locate(NOTHING_SET, machine(["/home/me/bin/mixline"]));

  assert.deepEqual(found, { kind: "onPath", program: "/home/me/bin/mixline" });
});

test("on Windows the program is mixline.exe and the variable may be written Path", () => {
  const found = locate(
    NOTHING_SET,
    machine(["C:\\Tools\\mixline.exe"], {
      platform: "win32",
      environment: { Path: "relative;C:\\Tools" },
      folders: ["D:\\project"],
    }),
  );

  assert.deepEqual(found, { kind: "onPath", program: "C:\\Tools\\mixline.exe" });
});

for (const [name, PATH, links] of [
  ["relative", "bin:.:", {}],
  ["inside the workspace", "/home/me/project/bin", {}],
  ["a link into the workspace", "/links", { "/links": "/home/me/project/bin" }],
  [
    "outside, its program a link into the workspace",
    "/links",
    { "/links/mixline": "/home/me/project/x" },
  ],
] as const) {
  test(`an entry of PATH is passed over that is ${name}`, () => {
    const here = machine(["bin/mixline", "/home/me/project/bin/mixline", "/links/mixline"], {
      PATH,
      links,
    });

    assert.equal(locate(NOTHING_SET, here).kind, "absent");
  });
}

test("a folder whose name only begins like the workspace's is outside", () => {
  const here = machine(["/home/me/project2/mixline"], { PATH: "/home/me/project2" });

  assert.equal(locate(NOTHING_SET, here).kind, "onPath");
});

for (const [setting, value] of [
  ["command", "mixline"],
  ["command", "/nowhere/mixline"],
  ["interpreter", "bin/python"],
] as const) {
  test(`the ${setting} ${value} is refused by name instead of falling back to PATH`, () => {
    const found = locate({ ...NOTHING_SET, [setting]: value }, machine(["/usr/bin/mixline"]));

    assert.ok(found.kind === "missing");
    assert.match(found.reason, new RegExp(`mixline\\.server\\.${setting}`));
    assert.ok(found.reason.includes(value));
  });
}

test("where nothing is set and nothing is there, a set-up is asked for", () => {
  assert.deepEqual(locate(NOTHING_SET, machine([])), { kind: "absent" });
});

test("the private environment comes last, and what was set wrong is not passed over for it", () => {
  const own = (): string => "/storage/server-1/bin/python";
  const mine = { kind: "own", program: "/storage/server-1/bin/python" };

  assert.deepEqual(locateServer(NOTHING_SET, machine([]), own), mine);
  assert.equal(locateServer(NOTHING_SET, machine(["/usr/bin/mixline"]), own).kind, "onPath");
  const wrong = { command: "", interpreter: "/nowhere/python" };
  assert.equal(locateServer(wrong, machine([]), own).kind, "missing");
});

test("the private environment's interpreter runs the module", () => {
  const start = launch(
    { kind: "own", program: "/storage/server-1/bin/python" },
    { model: "", arguments: [], environment: {}, workingFolder: "/state" },
    machine([]),
  );

  assert.deepEqual(start.args, ["-P", "-m", "mixline", "serve", "--stdio"]);
});

for (const [name, programs, links, found] of [
  ["python3", ["/usr/bin/python3"], {}, "/usr/bin/python3"],
  ["nothing inside the workspace", ["/home/me/project/bin/python3"], {}, undefined],
  [
    "a newer one beside one that is too old",
    ["/usr/bin/python3", "/usr/bin/python3.12"],
    { "/usr/bin/python3": "/usr/bin/python3.9" },
    "/usr/bin/python3.12",
  ],
] as const) {
  test(`the set-up takes ${name}`, () => {
    const PATH = "/home/me/project/bin:/usr/bin";

    assert.equal(findPython(machine(programs, { PATH, links })), found);
  });
}

test("the server gets PATH without what lies in the workspace, and the variables that were set", () => {
  const start = launch(
    { kind: "onPath", program: "/usr/bin/mixline" },
    { model: "", arguments: [], environment: { MIXLINE_ISA: "avx2" }, workingFolder: "/state" },
    machine([], { PATH: "/usr/bin:node_modules/.bin:/home/me/project/bin" }),
  );

  assert.deepEqual(start.args, ["serve", "--stdio"]);
  assert.deepEqual(start.options, {
    cwd: "/state",
    env: { PATH: "/usr/bin", PYTHONSAFEPATH: "1", MIXLINE_ISA: "avx2" },
  });
});
