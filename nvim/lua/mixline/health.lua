-- :checkhealth mixline
local config = require("mixline.config")
local lsp = require("mixline.lsp")
local program = require("mixline.program")
local status = require("mixline.status")

local M = {}

local health = vim.health
local DOCTOR_MS = 60000

local function check_editor()
  health.start("Neovim")
  local version = tostring(vim.version())
  if lsp.has_inline_completion then
    health.ok(version .. " shows inline completions by itself")
  elseif vim.fn.has("nvim-0.10") == 1 then
    health.ok(version .. ": the plugin shows ghost text")
  else
    health.error(version .. " is too old", "Neovim 0.10 or newer is needed")
    return false
  end
  return true
end

--- What stands before `serve` is the program: `mixline`, `python -m mixline`, `uvx mixline`.
local function doctor(command)
  local call = {}
  for _, word in ipairs(command) do
    if word == "serve" then
      break
    end
    table.insert(call, word)
  end
  local model = config.options.model and { "--model", vim.fn.expand(config.options.model) } or {}
  vim.list_extend(vim.list_extend(call, { "doctor", "--json" }), model)
  local done =
    vim.system(call, { text = true, timeout = DOCTOR_MS, cwd = vim.fn.stdpath("state") }):wait()
  local readable, report = pcall(vim.json.decode, done.stdout or "")
  return readable and type(report) == "table" and report or nil, done.stderr
end

local function check_program()
  health.start("Program")
  local command, problem = program.command(nil)
  if not command then
    health.error(problem or "", "pip install mixline")
    return
  end
  health.ok("found " .. command[1])
  local report, output = doctor(command)
  if not report then
    health.error("`mixline doctor` did not answer: " .. vim.trim(output or ""), "run it in a shell")
    return
  end
  local ours, theirs = require("mixline.version"), report.versions.mixline
  if ours == theirs then
    health.ok("plugin and program are both of version " .. ours)
  else
    health.warn(("the plugin is of version %s, the program of %s"):format(ours, theirs))
  end
  if type(report.model) == "table" then
    health.ok(("model %s in %s"):format(report.model.name, report.model.path))
  end
  for _, note in ipairs(report.notes or {}) do
    health.info(note)
  end
  for _, found in ipairs(report.problems) do
    health.error(found)
  end
end

local function check_servers()
  health.start("Servers")
  local clients = vim.lsp.get_clients({ name = "mixline" })
  if #clients == 0 then
    local state = status.get()
    local advice = "open a file of a type that `filetypes` and `except` let through"
    health.warn("none runs" .. (state.reason and ": " .. state.reason or ""), advice)
  end
  for _, client in ipairs(clients) do
    local root = client.config.root_dir or "no workspace"
    local state = status.of(client.id)
    local words = ("%s (%s): %s"):format(root, client.offset_encoding, state.reason or state.kind)
    if state.kind == "failed" then
      health.error(words)
    else
      health.ok(words)
    end
  end
end

local function check_keys()
  health.start("Keys")
  for action, key in pairs(config.options.keymaps or {}) do
    local found = key and vim.fn.maparg(key, "i", false, true).desc or ""
    if key and not vim.startswith(found, "Mixline: ") then
      local words = ("%s for %s was mapped to something else later"):format(key, action)
      health.warn(words, "call require('mixline').setup after the plugin that maps it")
    elseif key then
      health.ok(("%s: %s"):format(key, action))
    end
  end
end

--- Report what works and what does not.
function M.check()
  if check_editor() then
    check_program()
    check_servers()
    check_keys()
  end
end

return M
