import assert from "node:assert/strict";
import { test } from "node:test";
import manifest from "../package.json";
import {
  affectsStart,
  isWorkspaces,
  pauseBySettings,
  serverSettingNames,
  serverSettings,
  startSettings,
  toggledLanguages,
  type Configuration,
} from "../src/settings";

function configuration(
  values: Record<string, unknown>,
  levels?: ReturnType<Configuration["inspect"]>,
): Configuration {
  return { get: (name) => values[name], inspect: () => levels };
}

test("the server is asked about everything but what it is started with", () => {
  const names = serverSettingNames(manifest);

  assert.ok(names.includes("minimumConfidence"));
  assert.deepEqual(
    names.filter((name) => /^(model|server|trace)\b/.test(name)),
    [],
  );
});

test("a pause is told as enable: false, whatever is set", () => {
  const set = configuration({ enable: true, maxTokens: 8 });

  assert.deepEqual(serverSettings(set, ["enable", "maxTokens"], true), {
    enable: false,
    maxTokens: 8,
  });
});

test("a workspace adds to the secrets list and cannot take the user's entries away", () => {
  const set = configuration(
    { secretsExtra: ["workspace"] },
    { globalValue: ["user"], workspaceValue: ["workspace", 7], workspaceFolderValue: ["folder"] },
  );

  assert.deepEqual(serverSettings(set, ["secretsExtra"], false), {
    secretsExtra: ["user", "workspace", "folder"],
  });
});

test("values of the wrong kind count as none", () => {
  const set = configuration({
    "server.command": 3,
    "server.arguments": ["--a", null],
    "server.environment": { A: "1", B: 2 },
    model: " /models/m ",
  });

  assert.deepEqual(startSettings(set), {
    command: "",
    interpreter: "",
    arguments: ["--a"],
    environment: { A: "1" },
    model: "/models/m",
  });
});

test("a program or a model that changes asks for another start, a confidence does not", () => {
  const changed = (name: string) => (section: string) => name.startsWith(section);

  assert.ok(affectsStart(changed("mixline.server.command")));
  assert.ok(affectsStart(changed("mixline.model")));
  assert.ok(!affectsStart(changed("mixline.minimumConfidence")));
});

test("every setting that can run a program, name a model or log more is withheld from workspaces", () => {
  const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  const groups: readonly { properties: Record<string, unknown> }[] =
    manifest.contributes.configuration;
  const machineScoped = groups
    .flatMap(({ properties }) => Object.entries(properties))
    .filter(([, schema]) => (schema as { scope?: string }).scope === "machine")
    .map(([name]) => name);
  const started = ["model", "server.command", "server.interpreter", "trace.server"];

  assert.deepEqual(new Set(restrictedConfigurations), new Set(machineScoped));
  assert.deepEqual(
    started.filter((name) => !machineScoped.includes(`mixline.${name}`)),
    [],
  );
});

test("settings of the wrong kind pause nothing and stop nothing", () => {
  for (const wrong of [5, null, "python", { python: true }, [5, null]]) {
    const set = configuration({ enable: wrong, disabledLanguages: wrong });

    assert.equal(pauseBySettings(set, "python"), undefined);
    assert.deepEqual(toggledLanguages(set, "python"), ["python"]);
  }
});

test("a language is paused once it is listed, and taken from the list again", () => {
  const set = configuration({ disabledLanguages: ["markdown", "python"] });

  assert.deepEqual(pauseBySettings(set, "python"), { kind: "language", language: "python" });
  assert.equal(pauseBySettings(set, "rust"), undefined);
  assert.deepEqual(toggledLanguages(set, "python"), ["markdown"]);
  assert.deepEqual(pauseBySettings(configuration({ enable: false }), "rust"), { kind: "setting" });
});

test("a value of the workspace's hides the user's, so that one is changed", () => {
  assert.equal(isWorkspaces({ globalValue: "1", workspaceValue: "0.5" }), true);
  assert.equal(isWorkspaces({ globalValue: "1" }), false);
  assert.equal(isWorkspaces(undefined), false);
});
