-- Ghost text as Neovim 0.12 shows it: vim.lsp.inline_completion is handed our suggestions.
--
-- Neovim asks 200 ms after a key, never again, and keeps outdated text. So its questions to our
-- server stay here, and it gets answers when there are some, by the handler that it has asked with.
local lsp = require("mixline.lsp")

local M = {}

local METHOD = "textDocument/inlineCompletion"

local handlers = {} -- by buffer: what Neovim has asked with
local latest = {} -- by buffer: the answer for whoever asks next
local current = {} -- by buffer: the index of the one to show

local ours = false -- whether the question is our own

--- Have Neovim ask, for it takes an answer only then: by the event that makes it.
local function nudge(buf)
  local group = "nvim.lsp.inline_completion:" .. buf
  pcall(vim.api.nvim_exec_autocmds, "CursorMovedI", { group = group, buffer = buf })
end

local function deliver(buf)
  local handler, answer = handlers[buf], latest[buf]
  if not answer then
    return
  elseif not handler then
    if #answer.items > 0 then
      nudge(buf)
    end
    return
  end
  local context = { client_id = answer.client_id, bufnr = buf, method = METHOD }
  if not pcall(handler, nil, { items = answer.items }, context) then
    handlers[buf] = nil -- of a time before inline completion was switched off and on again
    return
  end
  local index = current[buf] or 1
  if index > 1 then
    vim.lsp.inline_completion.select({ bufnr = buf, count = index - 1 })
  end
end

--- Answer Neovim's own questions to a client from here.
---@param client vim.lsp.Client
function M.prepare(client)
  local request = client.request
  client.request = function(self, method, params, handler, buf)
    if method ~= METHOD or ours then
      return request(self, method, params, handler, buf)
    end
    handlers[buf] = handler
    vim.schedule(function()
      deliver(buf)
    end)
    return true
  end
end

--- Put a question of our own.
function M.request(...)
  ours = true
  local done, sent, id = pcall(lsp.request, ...)
  ours = false
  assert(done, sent)
  return sent, id
end

--- Switch inline completion on in a buffer.
---@param buf integer
function M.attach(buf)
  vim.lsp.inline_completion.enable(true, { bufnr = buf })
end

--- Forget a buffer.
---@param buf integer
function M.detach(buf)
  handlers[buf], latest[buf], current[buf] = nil, nil, nil
end

--- Show one of several views.
---@param buf integer
---@param views mixline.View[]
---@param index integer
---@param client vim.lsp.Client
function M.show(buf, views, index, client)
  local encoding = client.offset_encoding
  local items = {}
  for _, view in ipairs(views) do
    local line = vim.api.nvim_buf_get_lines(buf, view.row, view.row + 1, false)[1]
    table.insert(items, {
      insertText = view.text,
      range = {
        start = { line = view.row, character = lsp.character_of(line, view.from, encoding) },
        ["end"] = { line = view.row, character = lsp.character_of(line, view.to, encoding) },
      },
      command = view.suggestion.command,
    })
  end
  current[buf] = index
  latest[buf] = { client_id = client.id, items = items }
  deliver(buf)
end

--- Take it away.
---@param buf integer
---@param client vim.lsp.Client
function M.hide(buf, client)
  latest[buf] = { client_id = client.id, items = {} }
  current[buf] = 1
  deliver(buf)
end

return M
