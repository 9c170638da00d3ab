-- What is suggested in each buffer: when the server is asked, and how long an answer holds.
local config = require("mixline.config")
local lsp = require("mixline.lsp")
local pauses = require("mixline.pauses")
local spots = require("mixline.spot")
local suggestions = require("mixline.suggestion")

local M = {}

local METHOD = "textDocument/inlineCompletion"
local INVOKED, AUTOMATIC = 1, 2
local MAX_AGE_MS = 10000 -- of a question whose late answer is still wanted

local display =
  require(lsp.has_inline_completion and "mixline.display.builtin" or "mixline.display.extmark")

---@class mixline.Asked
---@field spot mixline.Spot
---@field at_ms integer
---@field is_answered_late boolean

---@class mixline.Source
---@field client_id integer
---@field seen mixline.Spot? the last one that was looked at
---@field asked mixline.Asked? the last question
---@field request integer? the one that is open
---@field question table? its identity
---@field timer uv.uv_timer_t?
---@field items mixline.Suggestion[]
---@field entry mixline.Entry? of the menu, which the items continue
---@field index integer the item that is shown
---@field dismissed mixline.Spot?

local sources = {} ---@type table<integer, mixline.Source> by buffer

local function here(buf)
  return not pauses.reason(buf) and spots.here(buf) or nil
end

local function cancel(source)
  if source.timer then
    source.timer:stop()
    source.timer:close()
    source.timer = nil
  end
  local client = vim.lsp.get_client_by_id(source.client_id)
  if source.request and client then
    lsp.cancel(client, source.request)
  end
  source.request, source.question = nil, nil
end

--- Keep of the items what still applies, and show it.
local function refresh(buf, source, spot)
  local views, kept, index = {}, {}, 1
  if vim.deep_equal(source.entry, spot.entry) then
    for number, item in ipairs(source.items) do
      local view = suggestions.at(item, spot.row, spot.column, spot.line)
      if view then
        table.insert(views, view)
        table.insert(kept, item)
        index = number == source.index and #views or index
      end
    end
  end
  local had_some = #source.items > 0
  source.items, source.index = kept, index
  local client = vim.lsp.get_client_by_id(source.client_id)
  if not client then
    return
  elseif #views > 0 then
    display.show(buf, views, index, client)
  elseif had_some then
    display.hide(buf, client)
  end
end

--- Take away what is shown, and wait for nothing.
---@param buf integer
function M.clear(buf)
  local source = sources[buf]
  if not source then
    return
  end
  cancel(source)
  source.seen, source.asked, source.items = nil, nil, {}
  local client = vim.lsp.get_client_by_id(source.client_id)
  if client then
    display.hide(buf, client)
  end
end

local function context_of(spot, trigger, client, row)
  local context = { triggerKind = trigger }
  if spot.entry then
    local function position(column)
      return { line = row, character = lsp.character_of(spot.line, column, client.offset_encoding) }
    end
    context.selectedCompletionInfo = {
      text = spot.entry.text,
      range = { start = position(spot.entry.from), ["end"] = position(spot.column) },
    }
  end
  return context
end

--- Ask the server; `answered` gets the suggestions if the user is still there then.
local function ask(buf, source, spot, trigger, answered)
  cancel(source)
  local client = vim.lsp.get_client_by_id(source.client_id)
  if not client or (spot.entry and not spot.entry.text) then
    return
  end
  local encoding = client.offset_encoding
  local character = lsp.character_of(spot.line, spot.column, encoding)
  if not spots.same(source.asked and source.asked.spot, spot) then
    source.asked = { spot = spot, at_ms = vim.uv.now(), is_answered_late = false }
  end
  local question = {}
  source.question = question
  local _, id = display.request(client, METHOD, {
    textDocument = { uri = vim.uri_from_bufnr(buf) },
    position = { line = spot.row, character = character },
    context = context_of(spot, trigger, client, spot.row),
  }, function(problem, result)
    if sources[buf] ~= source or source.question ~= question then
      return
    end
    source.request, source.question = nil, nil
    if problem or not spots.same(here(buf), spot) then
      return
    end
    local found = {}
    for _, item in ipairs((result and result.items) or result or {}) do
      local byte_of = function(line, at)
        return lsp.byte_of(line, at, encoding)
      end
      table.insert(found, suggestions.new(item, spot.row, spot.line, byte_of))
    end
    answered(found)
  end, buf)
  source.request = source.question and id or nil
end

local function show(buf, source, spot, found, index)
  source.items, source.entry, source.index = found, spot.entry, index
  if #found == 0 then
    display.hide(buf, assert(vim.lsp.get_client_by_id(source.client_id)))
  else
    refresh(buf, source, spot)
  end
end

local function ask_and_show(buf, source, spot, trigger)
  ask(buf, source, spot, trigger, function(found)
    show(buf, source, spot, found, 1)
  end)
end

--- Follow the user: called when text or cursor may have changed.
---@param buf integer
---@param is_new boolean whether a cursor that merely moved is a reason to ask
function M.moved(buf, is_new)
  local source = sources[buf]
  if not source then
    return
  end
  local spot, seen = here(buf), source.seen
  if not spot then
    if seen then
      M.clear(buf)
    end
    return
  end
  source.seen = spot
  local is_asked = source.question and spots.same(spot, source.asked.spot)
  if is_asked or (spots.same(spot, seen) and not is_new) then
    return
  end
  refresh(buf, source, spot)
  cancel(source)
  local is_typed = seen and (seen.tick ~= spot.tick or not vim.deep_equal(seen.entry, spot.entry))
  if is_typed or is_new then
    source.timer = vim.defer_fn(function()
      source.timer = nil
      if spots.same(here(buf), spot) then
        ask_and_show(buf, source, spot, AUTOMATIC)
      end
    end, config.options.delay_ms)
  end
end

--- Hear of a suggestion that became ready after its question was answered: `mixline/ready`.
---
--- It is asked for once, if the user still waits there and has not put away what was shown.
---@param client_id integer
---@param params table
function M.ready(client_id, params)
  local buf = vim.api.nvim_get_current_buf()
  local source, client = sources[buf], vim.lsp.get_client_by_id(client_id)
  local spot, asked = here(buf), source and source.asked
  if not spot or not client or not asked or source.client_id ~= client_id or source.question then
    return
  end
  local is_same = params.uri == vim.uri_from_bufnr(buf)
    and params.version == lsp.version_of(buf)
    and params.position.line == spot.row
    and params.position.character
      == lsp.character_of(spot.line, spot.column, client.offset_encoding)
  if not is_same or not spots.same(asked.spot, spot) or spots.same(source.dismissed, spot) then
    return
  end
  if asked.is_answered_late or vim.uv.now() - asked.at_ms > MAX_AGE_MS then
    return
  end
  asked.is_answered_late = true
  ask_and_show(buf, source, spot, INVOKED)
end

--- Return what is shown where the cursor stands, nil if nothing is.
---@param buf integer
---@return mixline.View?
function M.shown(buf)
  local source = sources[buf]
  local spot = source and #source.items > 0 and here(buf)
  if not spot or not vim.deep_equal(source.entry, spot.entry) then
    return nil
  end
  return suggestions.at(source.items[source.index], spot.row, spot.column, spot.line)
end

--- Show the next suggestion, or one before; where none is shown, ask for one.
---@param buf integer
---@param count integer
function M.cycle(buf, count)
  local source, spot = sources[buf], here(buf)
  if not source or not spot then
    return
  end
  if #source.items > 1 then
    source.index = (source.index - 1 + count) % #source.items + 1
    refresh(buf, source, spot)
    return
  end
  local was_shown = M.shown(buf) ~= nil
  ask(buf, source, spot, INVOKED, function(found)
    local index = was_shown and #found > 1 and count % #found + 1 or 1
    show(buf, source, spot, found, index)
  end)
end

--- Put away what is shown; nothing is shown here again until something is typed.
---@param buf integer
function M.dismiss(buf)
  local source, spot = sources[buf], here(buf)
  if source and spot then
    cancel(source)
    source.dismissed = spot
    show(buf, source, spot, {}, 1)
  end
end

--- Tell the server that a suggestion was accepted as a whole.
---@param buf integer
---@param suggestion mixline.Suggestion
function M.accepted(buf, suggestion)
  local source, command = sources[buf], suggestion.command
  local client = source and vim.lsp.get_client_by_id(source.client_id)
  if client and command then
    local params = { command = command.command, arguments = command.arguments }
    lsp.request(client, "workspace/executeCommand", params, function() end, buf)
  end
end

--- Prepare a new client.
---@param client vim.lsp.Client
function M.prepare(client)
  display.prepare(client)
end

--- Suggest in a buffer from now on.
---@param buf integer
---@param client vim.lsp.Client
function M.attach(buf, client)
  sources[buf] = { client_id = client.id, items = {}, index = 1 }
  display.attach(buf)
  M.moved(buf, true)
end

--- Suggest nothing there any more.
---@param buf integer
function M.detach(buf)
  M.clear(buf)
  display.detach(buf)
  sources[buf] = nil
end

--- Forget a client that has ended.
---@param client_id integer
function M.forget_client(client_id)
  for buf, source in pairs(sources) do
    if source.client_id == client_id then
      M.detach(buf)
    end
  end
end

--- Look again everywhere: a pause has begun or ended.
function M.refresh_all()
  for buf in pairs(sources) do
    M.moved(buf, true)
  end
end

--- Ask again where nothing is shown or awaited: the server may have refused for a reason that is gone.
function M.retry_all()
  for buf, source in pairs(sources) do
    local is_dismissed = spots.same(source.dismissed, here(buf))
    if #source.items == 0 and not source.question and not is_dismissed then
      M.moved(buf, true)
    end
  end
end

return M
