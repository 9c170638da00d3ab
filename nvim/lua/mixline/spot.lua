-- Where the user is: a cursor in one version of a buffer, and the selected entry of its menu.
local M = {}

---@class mixline.Entry
---@field text string? what the entry would insert; nil if it does not continue what was typed
---@field from integer column where the typed part of it begins

---@class mixline.Spot
---@field tick integer
---@field row integer
---@field column integer
---@field line string
---@field entry mixline.Entry?

--- Find the entry that the popup menu would insert, nil if it has inserted it or none is selected.
---@param before string the line up to the cursor
---@return mixline.Entry?
local function menu_entry(before)
  if vim.fn.pumvisible() == 0 then
    return nil
  end
  local selected = vim.fn.complete_info({ "selected" }).selected
  if selected < 0 then
    return nil
  end
  local item = vim.fn.complete_info({ "items" }).items[selected + 1]
  local word = item and item.word or ""
  if vim.endswith(before, word) then
    return nil
  end
  for size = math.min(#word, #before), 1, -1 do
    if before:sub(-size) == word:sub(1, size) then
      return { text = word, from = #before - size }
    end
  end
  local typed = before:match("[%w_\128-\255]*$")
  return typed == "" and { text = word, from = #before } or { from = #before }
end

--- Return where the cursor stands, nil unless text is being inserted by hand into that buffer.
---@param buf integer
---@return mixline.Spot?
function M.here(buf)
  local window = vim.api.nvim_get_current_win()
  if vim.api.nvim_win_get_buf(window) ~= buf or vim.fn.mode():sub(1, 1) ~= "i" then
    return nil
  end
  if vim.wo[window].diff or vim.fn.reg_executing() ~= "" then
    return nil
  end
  if vim.fn.getcurpos()[4] > 0 then
    return nil -- beyond the line's end ('virtualedit'), where no text can be
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(window))
  local line = vim.api.nvim_get_current_line()
  return {
    tick = vim.api.nvim_buf_get_changedtick(buf),
    row = row - 1,
    column = column,
    line = line,
    entry = menu_entry(line:sub(1, column)),
  }
end

--- Tell whether two spots are the same; nil is none.
---@param one mixline.Spot?
---@param other mixline.Spot?
function M.same(one, other)
  return one ~= nil
    and other ~= nil
    and one.tick == other.tick
    and one.row == other.row
    and one.column == other.column
    and vim.deep_equal(one.entry, other.entry)
end

return M
