-- Ghost text of our own, for Neovim before 0.12: extmarks at the cursor.
local config = require("mixline.config")
local suggestions = require("mixline.suggestion")

local M = {}

M.namespace = vim.api.nvim_create_namespace("mixline")

--- Show one of several views.
---@param buf integer
---@param views mixline.View[]
---@param index integer
function M.show(buf, views, index)
  M.hide(buf)
  local view, highlight = views[index], config.options.highlight
  local pieces, below = suggestions.pieces(view)
  local count = #views > 1 and (" (%d/%d)"):format(index, #views) or nil
  local rows = {}
  for _, text in ipairs(below) do
    table.insert(rows, { { text, highlight } })
  end
  if #pieces == 0 then
    pieces = { { column = view.from, text = "", over = false } }
  end
  for number, piece in ipairs(pieces) do
    local is_last = number == #pieces
    local chunks = { { piece.text, highlight } }
    if count and is_last then
      table.insert(#rows > 0 and rows[#rows] or chunks, { count, highlight })
    end
    vim.api.nvim_buf_set_extmark(buf, M.namespace, view.row, piece.column, {
      virt_text = chunks,
      virt_text_pos = piece.over and "overlay" or "inline",
      virt_lines = is_last and #rows > 0 and rows or nil,
      hl_mode = "combine",
    })
  end
end

--- Take it away.
---@param buf integer
function M.hide(buf)
  if vim.api.nvim_buf_is_loaded(buf) then
    vim.api.nvim_buf_clear_namespace(buf, M.namespace, 0, -1)
  end
end

--- Nothing has to be prepared.
function M.prepare() end

--- Likewise.
function M.attach() end

--- Put a question.
M.request = require("mixline.lsp").request

--- Forget a buffer.
---@param buf integer
function M.detach(buf)
  M.hide(buf)
end

return M
