-- Starts, watches and restarts the language servers, one for each workspace.
local config = require("mixline.config")
local lsp = require("mixline.lsp")
local pauses = require("mixline.pauses")
local program = require("mixline.program")
local source = require("mixline.source")
local status = require("mixline.status")

local M = {}

local NAME = "mixline"
local POLL_MS = 100
local FORGOTTEN_MS = 50
local MOST_CRASHES, CRASHES_WITHIN_MS = 4, 180000

local crashes_ms = {}
local expected = {} -- clients that are told to end
local told = nil -- what the user was told last

local function tell_once(problem)
  status.set(nil, { kind = "failed", reason = problem })
  if told ~= problem then
    told = problem
    vim.schedule(function()
      vim.notify("Mixline: " .. problem, vim.log.levels.ERROR)
    end)
  end
end

local function settings()
  local wanted = vim.deepcopy(config.options.settings)
  if pauses.is_everywhere() then
    wanted.enable = false
  end
  return { mixline = next(wanted) and wanted or vim.empty_dict() }
end

local function poll(client)
  if lsp.is_stopped(client) then
    return
  end
  lsp.request(client, "mixline/status", vim.empty_dict(), function(problem, answer)
    if problem or not answer then
      return
    elseif status.answered(client.id, answer) then
      vim.defer_fn(function()
        poll(client)
      end, POLL_MS)
    else
      source.retry_all() -- what was asked meanwhile was refused
    end
  end)
end

local function crashed()
  local now = vim.uv.now()
  crashes_ms = vim.tbl_filter(function(ms)
    return now - ms < CRASHES_WITHIN_MS
  end, crashes_ms)
  table.insert(crashes_ms, now)
  return #crashes_ms
end

local function start_all()
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    M.start(buf)
  end
end

--- An end in good order that nobody here has asked for was asked for by the user, as `:lsp stop` does.
local function exited(client_id, is_crash)
  source.forget_client(client_id)
  status.set(client_id, nil)
  local wanted = expected[client_id]
  expected[client_id] = nil
  if vim.v.exiting ~= vim.NIL or wanted == "stop" or not (wanted or is_crash) then
    return
  end
  if not wanted and crashed() > MOST_CRASHES then
    tell_once(
      ("the server has ended %d times in three minutes; see :Mixline log"):format(#crashes_ms)
    )
    return
  end
  start_all()
end

local function capabilities()
  local able = vim.lsp.protocol.make_client_capabilities()
  able.textDocument.inlineCompletion = { dynamicRegistration = false }
  return able
end

--- All buffers without a name have one URI, so a second one's text would be taken for the first's.
local function is_second_without_name(buf)
  if vim.api.nvim_buf_get_name(buf) ~= "" then
    return false
  end
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    for other in pairs(client.attached_buffers) do
      if other ~= buf and vim.api.nvim_buf_get_name(other) == "" then
        return true
      end
    end
  end
  return false
end

--- Start, or find, the server of a buffer's workspace, and attach the buffer.
---@param buf integer
function M.start(buf)
  if not vim.api.nvim_buf_is_loaded(buf) or not config.wants(buf) then
    return
  end
  if is_second_without_name(buf) then
    return
  end
  local root = vim.fs.root(buf, config.options.root_markers)
  local cmd, problem = program.command(root)
  if not cmd then
    tell_once(problem or "")
    return
  end
  local folder = vim.fn.stdpath("state")
  vim.fn.mkdir(folder, "p")
  local now = settings()
  vim.lsp.start({
    name = NAME,
    cmd = cmd,
    cmd_cwd = folder, -- never the workspace, whose files could shadow the server's
    root_dir = root,
    capabilities = capabilities(),
    init_options = { trusted = config.trusts(root), settings = now.mixline },
    settings = now,
    handlers = {
      ["mixline/ready"] = function(_, params, context)
        source.ready(context.client_id, params)
      end,
      ["workspace/configuration"] = function(...)
        vim.schedule(source.retry_all) -- once the server knows the end of a pause
        return vim.lsp.handlers["workspace/configuration"](...)
      end,
    },
    on_init = function(client)
      status.set(client.id, { kind = "starting" })
      status.set(nil, nil)
      source.prepare(client)
      poll(client)
    end,
    on_attach = function(client, attached)
      source.attach(attached, client)
    end,
    on_exit = function(code, signal, client_id)
      vim.defer_fn(function() -- Neovim itself forgets the client a moment later
        exited(client_id, code ~= 0 or signal ~= 0)
      end, FORGOTTEN_MS)
    end,
  }, { bufnr = buf, silent = true })
end

local function end_all(why)
  crashes_ms, told = {}, nil
  local clients = vim.lsp.get_clients({ name = NAME })
  for _, client in ipairs(clients) do
    expected[client.id] = why
    lsp.stop(client)
  end
  return #clients
end

--- Start all servers anew, with the options of this moment.
function M.restart()
  if end_all("restart") == 0 then
    start_all()
  end
end

--- End all servers until `restart` or the next file.
function M.stop()
  end_all("stop")
end

--- Tell all servers of changed settings: a pause is part of them.
function M.settings_changed()
  for _, client in ipairs(vim.lsp.get_clients({ name = NAME })) do
    client.settings = settings()
    lsp.notify(client, "workspace/didChangeConfiguration", { settings = client.settings })
  end
end

return M
