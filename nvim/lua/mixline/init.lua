-- Mixline in Neovim: `require("mixline").setup{}` and what keys and status lines call.
local M = {}

local function follow(buf, group)
  local source = require("mixline.source")
  local function on(events, act)
    vim.api.nvim_create_autocmd(events, { group = group, buffer = buf, callback = act })
  end
  on(
    { "TextChangedI", "TextChangedP", "CursorMovedI", "CompleteChanged", "CompleteDone" },
    function()
      source.moved(buf, false)
    end
  )
  on("InsertEnter", function()
    vim.schedule(function() -- only then is the mode Insert and the cursor where it belongs
      source.moved(buf, true)
    end)
  end)
  on({ "InsertLeave", "BufLeave" }, function()
    source.clear(buf)
  end)
end

--- Set Mixline up; see |mixline-options|.
---@param options mixline.Options?
function M.setup(options)
  if vim.fn.has("nvim-0.10") == 0 then
    error("mixline: Neovim 0.10 or newer is needed", 0)
  end
  local config = require("mixline.config")
  local pauses = require("mixline.pauses")
  local server = require("mixline.server")
  local source = require("mixline.source")
  local status = require("mixline.status")
  config.apply(options)
  local linked = require("mixline.lsp").has_inline_completion and "ComplHint" or "Comment"
  vim.api.nvim_set_hl(0, "MixlineSuggestion", { default = true, link = linked })
  require("mixline.commands").define()
  require("mixline.keymaps").set()

  local group = vim.api.nvim_create_augroup("mixline", { clear = true })
  local function on(event, act)
    vim.api.nvim_create_autocmd(event, { group = group, callback = act })
  end
  on("FileType", function(event)
    server.start(event.buf)
  end)
  on("LspAttach", function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == "mixline" then
      vim.api.nvim_clear_autocmds({ group = group, buffer = event.buf })
      follow(event.buf, group)
    end
  end)
  on("LspDetach", function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == "mixline" then
      vim.api.nvim_clear_autocmds({ group = group, buffer = event.buf })
      source.detach(event.buf)
    end
  end)
  on("LspProgress", function(event)
    local value = vim.tbl_get(event.data, "params", "value")
    status.progress(event.data.client_id, type(value) == "table" and value or {})
  end)
  on("BufWipeout", function(event)
    pauses.forget(event.buf)
  end)
  local was_everywhere = pauses.is_everywhere()
  pauses.on_change(function()
    local is_everywhere = pauses.is_everywhere()
    if is_everywhere ~= was_everywhere then
      server.settings_changed() -- after which a server is asked again
    end
    if is_everywhere or not was_everywhere then
      source.refresh_all()
    end
    was_everywhere = is_everywhere
    status.changed()
  end)
  for _, client in ipairs(vim.lsp.get_clients({ name = "mixline" })) do
    for buf in pairs(client.attached_buffers) do
      follow(buf, group)
    end
  end
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    server.start(buf)
  end
end

--- Accept what is shown: "all" (the default), its next "word" or "line"; tells whether it was there.
---@param part mixline.Part?
function M.accept(part)
  return require("mixline.accept").accept(part)
end

--- Put away what is shown.
function M.dismiss()
  require("mixline.source").dismiss(vim.api.nvim_get_current_buf())
end

--- Show the next suggestion; where none is shown, ask for one.
function M.next()
  require("mixline.source").cycle(vim.api.nvim_get_current_buf(), 1)
end

--- Show the suggestion before.
function M.previous()
  require("mixline.source").cycle(vim.api.nvim_get_current_buf(), -1)
end

--- Tell whether a suggestion is shown.
function M.is_shown()
  return require("mixline.source").shown(vim.api.nvim_get_current_buf()) ~= nil
end

--- A few words for a status line.
function M.statusline()
  return require("mixline.status").line()
end

return M
