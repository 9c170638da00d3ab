-- The command :Mixline and what follows it.
local config = require("mixline.config")
local lsp = require("mixline.lsp")
local on_demand = require("mixline.on_demand")
local pauses = require("mixline.pauses")
local server = require("mixline.server")
local status = require("mixline.status")

local M = {}

local SNOOZE_MINUTES = 5
local LONGEST_SNOOZE_MINUTES = 24 * 60

local function tell(text, level)
  vim.notify("Mixline: " .. text, level or vim.log.levels.INFO)
end

local function client_here()
  local buf = vim.api.nvim_get_current_buf()
  local clients = vim.lsp.get_clients({ name = "mixline", bufnr = buf })
  if not clients[1] then
    tell("no server runs for this buffer; see :Mixline status", vim.log.levels.WARN)
  end
  return clients[1]
end

local function open_scratch(title, lines)
  vim.cmd("botright new")
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].swapfile = "nofile", "wipe", false
  vim.api.nvim_buf_set_name(buf, ("mixline://%s/%d"):format(title, buf))
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modifiable = false
  vim.api.nvim_win_set_cursor(0, { #lines, 0 })
end

local function say_status()
  local state = status.get()
  local pause = pauses.reason(vim.api.nvim_get_current_buf())
  local words = {
    stopped = "no server runs",
    starting = "the server is starting",
    loading = ("the model is loading, %d%%"):format(state.percentage or 0),
    ready = ("ready, model %s"):format(state.model or "unknown"),
    failed = state.reason,
  }
  tell(words[state.kind] .. (pause and "; paused " .. pause or ""))
end

--- Show what the servers have written, which Neovim keeps in its own log.
local function show_log()
  local path = vim.lsp.get_log_path and vim.lsp.get_log_path() or vim.lsp.log.get_filename()
  local lines = {}
  for line in io.lines(path) do
    local text = line:match('"rpc".-mixline.-"stderr"%s+"(.*)"$')
    if text then
      vim.list_extend(lines, vim.split(text:gsub('\\"', '"'), "\\n", { trimempty = true }))
    end
  end
  open_scratch("log", #lines > 0 and lines or { "no server has written anything to " .. path })
end

local function show_statistics()
  local client = client_here()
  if not client then
    return
  end
  lsp.request(client, "mixline/stats", vim.empty_dict(), function(problem, answer)
    if problem then
      tell(problem.message, vim.log.levels.ERROR)
    else
      open_scratch("statistics", vim.split(vim.inspect(answer), "\n"))
    end
  end)
end

local function pause(argument)
  if argument == "buffer" then
    pauses.buffer(vim.api.nvim_get_current_buf())
  elseif argument == "filetype" then
    pauses.filetype(vim.bo.filetype)
  elseif argument == nil then
    pauses.everywhere()
  else
    tell(
      ("expected pause, pause buffer or pause filetype, got %q"):format(argument),
      vim.log.levels.ERROR
    )
  end
end

local function snooze(argument)
  local minutes = tonumber(argument or SNOOZE_MINUTES)
  if minutes and minutes > 0 and minutes <= LONGEST_SNOOZE_MINUTES then
    pauses.everywhere(minutes)
  else
    local words = "expected a number of minutes, at most %d, got %q"
    tell(words:format(LONGEST_SNOOZE_MINUTES, argument), vim.log.levels.ERROR)
  end
end

local function effort(argument)
  if argument then
    config.options.settings.effort = argument
    server.settings_changed()
  else
    tell("effort " .. (config.options.settings.effort or "1"))
  end
end

--- The range's lines, or else what was yanked or copied last, whatever buffer it is from.
local function explain(_, given)
  local client = vim.lsp.get_clients({ name = "mixline" })[1]
  if not client then
    tell("no server runs; open a file of the workspace first", vim.log.levels.WARN)
  elseif given.range > 0 then
    local lines = vim.api.nvim_buf_get_lines(0, given.line1 - 1, given.line2, false)
    on_demand.trace(client, table.concat(lines, "\n"))
  else
    on_demand.trace(client, vim.fn.getreg(vim.v.register))
  end
end

local function docstring()
  local client = client_here()
  if client then
    on_demand.docstring(client)
  end
end

local SUBCOMMANDS = {
  restart = server.restart,
  stop = server.stop,
  pause = pause,
  snooze = snooze,
  resume = function()
    pauses.resume(vim.api.nvim_get_current_buf())
  end,
  status = say_status,
  log = show_log,
  stats = show_statistics,
  effort = effort,
  explain = explain,
  docstring = docstring,
}
local ARGUMENTS = {
  pause = { "buffer", "filetype" },
  snooze = { "5", "30" },
  effort = { "1", "0.75", "0.5", "p0.8" },
}

local function complete(lead, line)
  local subcommand = line:match("^%s*%S+%s+(%S+)%s")
  local names = subcommand and ARGUMENTS[subcommand] or vim.tbl_keys(SUBCOMMANDS)
  if subcommand and not ARGUMENTS[subcommand] then
    names = {}
  end
  names = vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, names)
  table.sort(names)
  return names
end

--- Define it.
function M.define()
  vim.api.nvim_create_user_command("Mixline", function(given)
    local name, argument = given.fargs[1] or "status", given.fargs[2]
    local run = SUBCOMMANDS[name]
    if run then
      run(argument, given)
    else
      local known = table.concat(complete("", "Mixline "), ", ")
      tell(("there is no %q; there are: %s"):format(name, known), vim.log.levels.ERROR)
    end
  end, { nargs = "*", range = true, complete = complete, desc = "Mixline: status, pause, ..." })
end

return M
