-- Puts a suggestion, or its next word or line, into the text: one step of undo.
local source = require("mixline.source")
local suggestions = require("mixline.suggestion")

local M = {}

---@alias mixline.Part "all"|"word"|"line"

--- Set when a key was pressed: closing the menu afterwards changes what is shown.
local prepared = nil ---@type mixline.View?

--- Remember what is shown for `accept`; tell whether something is.
function M.prepare()
  prepared = source.shown(vim.api.nvim_get_current_buf())
  return prepared ~= nil
end

local function end_undo_step()
  vim.bo.undolevels = vim.bo.undolevels
end

local function part_of(view, part)
  if part == "word" then
    return suggestions.word(view.text)
  elseif part == "line" then
    return suggestions.line(view.text)
  end
  return view.text
end

--- Accept what is shown.
---@param part mixline.Part?
---@return boolean accepted
function M.accept(part)
  local buf = vim.api.nvim_get_current_buf()
  local view = prepared or source.shown(buf)
  prepared = nil
  if not view then
    return false
  end
  local text = part_of(view, part or "all")
  local is_whole = text == view.text
  local lines = vim.split(text, "\n", { plain = true })
  end_undo_step()
  local to = is_whole and view.to or view.from
  vim.api.nvim_buf_set_text(buf, view.row, view.from, view.row, to, lines)
  local column = (#lines == 1 and view.from or 0) + #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { view.row + #lines, column })
  end_undo_step()
  if is_whole then
    source.accepted(buf, view.suggestion)
    source.clear(buf)
  end
  source.moved(buf, is_whole)
  return true
end

return M
