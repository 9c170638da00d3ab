-- What each server is doing, and the words for it in a status line.
local pauses = require("mixline.pauses")

local M = {}

---@class mixline.State
---@field kind "stopped"|"starting"|"loading"|"ready"|"failed"
---@field percentage integer?
---@field reason string? of a failure
---@field model string?

local states = {} ---@type table<integer, mixline.State> by client
local without_client = { kind = "stopped" } ---@type mixline.State

--- Tell those who show it that it has changed: `User MixlineStatus`.
function M.changed()
  vim.api.nvim_exec_autocmds("User", { pattern = "MixlineStatus", modeline = false })
  vim.cmd.redrawstatus({ bang = true })
end

--- Note the state of a client; of none, it says why there is no client.
---@param client_id integer?
---@param state mixline.State?
function M.set(client_id, state)
  if client_id then
    states[client_id] = state
  else
    without_client = state or { kind = "stopped" }
  end
  vim.schedule(M.changed)
end

--- Return the state of a client.
---@param client_id integer
---@return mixline.State
function M.of(client_id)
  return states[client_id] or { kind = "starting" }
end

--- Return the state of the server of a buffer.
---@param buf integer? nil: the current one
---@return mixline.State
function M.get(buf)
  local clients =
    vim.lsp.get_clients({ name = "mixline", bufnr = buf or vim.api.nvim_get_current_buf() })
  return clients[1] and M.of(clients[1].id) or without_client
end

--- Return a few words for a status line; "" in buffers that Mixline leaves alone.
function M.line()
  local buf = vim.api.nvim_get_current_buf()
  local state = M.get(buf)
  if state.kind == "failed" then
    return "Mixline: " .. state.reason:gsub("%%", "%%%%")
  elseif state.kind == "loading" then
    return ("Mixline %d%%%%"):format(state.percentage or 0)
  elseif state.kind == "starting" then
    return "Mixline ..."
  elseif state.kind == "stopped" then
    return ""
  end
  local pause = pauses.reason(buf)
  return pause and ("Mixline paused " .. pause) or "Mixline"
end

--- Follow one client's `$/progress`.
---@param client_id integer
---@param value table LSP's WorkDoneProgress
function M.progress(client_id, value)
  local state = states[client_id]
  if state and (state.kind == "starting" or state.kind == "loading") and value.percentage then
    M.set(client_id, { kind = "loading", percentage = value.percentage })
  end
end

--- Take the server's own answer to `mixline/status`; tell whether it is still loading.
---@param client_id integer
---@param answer table
function M.answered(client_id, answer)
  if answer.state == "ready" then
    M.set(client_id, { kind = "ready", model = answer.model and answer.model.name })
  elseif answer.state == "failed" then
    M.set(client_id, { kind = "failed", reason = answer.message })
  elseif (states[client_id] or {}).kind ~= "loading" then
    M.set(client_id, { kind = "loading", percentage = 0 })
  end
  return answer.state == "loading"
end

return M
