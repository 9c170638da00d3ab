-- What a suggestion means at a cursor that has moved along it; knows no editor.
--
-- Columns count bytes from 0, like nvim_buf_set_text's.
local M = {}

---@class mixline.Suggestion
---@field row integer
---@field head string what stands before its range in the line
---@field tail string what stands behind its range
---@field text string what the range becomes
---@field command table? for the server, once it is accepted as a whole

---@class mixline.View
---@field row integer
---@field from integer the cursor's column
---@field to integer end of what it absorbs behind the cursor
---@field behind string what it absorbs
---@field text string what comes between the two
---@field suggestion mixline.Suggestion

--- Make a suggestion of a server's item.
---@param item table LSP's InlineCompletionItem
---@param row integer
---@param line string
---@param byte_of fun(line: string, character: integer): integer
---@return mixline.Suggestion?
function M.new(item, row, line, byte_of)
  local range, text = item.range, item.insertText
  text = type(text) == "table" and text.value or text
  if not range or range.start.line ~= row or range["end"].line ~= row then
    return nil
  end
  return {
    row = row,
    head = line:sub(1, byte_of(line, range.start.character)),
    tail = line:sub(byte_of(line, range["end"].character) + 1),
    text = text,
    command = item.command,
  }
end

local function is_subsequence(part, whole)
  local at = 0
  for character in part:gmatch(".") do
    at = whole:find(character, at + 1, true)
    if not at then
      return false
    end
  end
  return true
end

--- See a suggestion from a cursor; nil where it no longer applies.
---
--- What was typed since must agree with it. What an editor has put behind the cursor meanwhile, such
--- as a closing bracket, must be part of it, and is absorbed.
---@param suggestion mixline.Suggestion
---@param row integer
---@param column integer
---@param line string
---@return mixline.View?
function M.at(suggestion, row, column, line)
  local head, tail, text = suggestion.head, suggestion.tail, suggestion.text
  local to = #line - #tail
  if row ~= suggestion.row or column < #head or column > to then
    return nil
  end
  if line:sub(1, #head) ~= head or line:sub(to + 1) ~= tail then
    return nil
  end
  local typed, behind = line:sub(#head + 1, column), line:sub(column + 1, to)
  local rest = text:sub(#typed + 1)
  if rest == "" or text:sub(1, #typed) ~= typed or not is_subsequence(behind, rest) then
    return nil
  end
  return { row = row, from = column, to = to, behind = behind, text = rest, suggestion = suggestion }
end

---@class mixline.Piece
---@field column integer
---@field text string
---@field over boolean whether it covers what stands there

--- Split a view's first line around what it absorbs, so that each character is seen once.
---@param view mixline.View
---@return mixline.Piece[] pieces
---@return string[] below the lines that follow
function M.pieces(view)
  local lines = vim.split(view.text, "\n", { plain = true })
  local first, behind = table.remove(lines, 1), view.behind
  local pieces, last = {}, #first
  local function add(column, text)
    if text ~= "" then
      table.insert(pieces, 1, { column = column, text = text, over = false })
    end
  end
  for index = #behind, 1, -1 do
    local at = last
    while at > 0 and first:byte(at) ~= behind:byte(index) do
      at = at - 1
    end
    if at == 0 or behind:byte(index) >= 128 then
      local padding = (" "):rep(vim.fn.strdisplaywidth(behind) - vim.fn.strdisplaywidth(first))
      return { { column = view.from, text = first .. padding, over = true } }, lines
    end
    add(view.from + index, first:sub(at + 1, last))
    last = at - 1
  end
  add(view.from, first:sub(1, last))
  return pieces, lines
end

--- Return a text's next word: blanks and what follows them, over the end of a line if need be.
---@param text string
function M.word(text)
  return text:match("^%s*[%w_\128-\255]+") or text:match("^%s*[^%w_%s\128-\255]+") or text
end

--- Return a text's next line, without its end.
---@param text string
function M.line(text)
  return text:match("^\n?[^\n]*")
end

return M
