-- :Mixline explain and :Mixline docstring: what the server does on demand with its commands.
local lsp = require("mixline.lsp")

local M = {}

local SHOW_LINE = "Show the line"

--- Run a command of the server's.
---@param client vim.lsp.Client
---@param name string without "mixline."
---@param argument table
---@param done fun(answer: any)
local function execute(client, name, argument, done)
  local params = { command = "mixline." .. name, arguments = { argument } }
  lsp.request(client, "workspace/executeCommand", params, function(problem, answer)
    if problem then
      vim.notify("Mixline: " .. problem.message, vim.log.levels.ERROR)
    else
      done(answer)
    end
  end)
end

local function show(frame, encoding)
  local start = { line = frame.line, character = 0 }
  local location = { uri = frame.uri, range = { start = start, ["end"] = start } }
  vim.lsp.util.show_document(location, encoding, { focus = true })
end

local function remember(frames, title)
  local items = vim.tbl_map(function(frame)
    local file = vim.uri_to_fname(frame.uri)
    return { filename = file, lnum = frame.line + 1, text = frame["function"] }
  end, frames)
  vim.fn.setqflist({}, " ", { title = title, items = items })
end

local function offer(client, answer)
  local choices, failing = {}, answer.frames[#answer.frames]
  if failing then
    table.insert(choices, { title = SHOW_LINE })
  end
  vim.list_extend(choices, answer.fixes)
  if #choices == 0 then
    vim.notify("Mixline: " .. answer.explanation)
    return
  end
  local shown = {
    prompt = answer.explanation,
    format_item = function(choice)
      return choice.title
    end,
  }
  vim.ui.select(choices, shown, function(choice)
    if choice then
      show(failing, client.offset_encoding)
      if choice.edit then
        vim.lsp.util.apply_workspace_edit(choice.edit, client.offset_encoding)
      end
    end
  end)
end

--- Tell what a stack trace says of the workspace, list its frames there, and offer checked fixes.
---@param client vim.lsp.Client
---@param trace string
function M.trace(client, trace)
  execute(client, "explain", { trace = trace }, function(answer)
    if not answer or answer == vim.NIL then
      vim.notify(
        "Mixline: expected a whole stack trace of Python or JavaScript, in the range or yanked",
        vim.log.levels.WARN
      )
      return
    end
    remember(answer.frames, "Mixline: " .. answer.error)
    offer(client, answer)
  end)
end

--- Have the docstring written of what is defined around the cursor.
---@param client vim.lsp.Client
function M.docstring(client)
  local line = vim.api.nvim_win_get_cursor(0)[1] - 1
  execute(client, "docstring", { uri = vim.uri_from_bufnr(0), line = line }, function() end)
end

return M
