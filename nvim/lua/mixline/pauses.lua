-- When Mixline is quiet: everywhere, for a while, in a buffer, for a file type.
local M = {}

local MINUTE_MS = 60000

local everywhere = false
local until_ms = 0
local buffers, filetypes = {}, {}
local timer = nil
local listener = function() end

--- Have a function called at every change.
---@param changed fun()
function M.on_change(changed)
  listener = changed
end

local function stop_timer()
  if timer then
    timer:stop()
    timer:close()
    timer = nil
  end
  until_ms = 0
end

--- Pause everywhere, for some minutes or until `resume`.
---@param minutes number?
function M.everywhere(minutes)
  stop_timer()
  everywhere = minutes == nil
  if minutes then
    until_ms = vim.uv.now() + minutes * MINUTE_MS
    timer = vim.defer_fn(function()
      timer = nil
      until_ms = 0
      listener()
    end, math.floor(minutes * MINUTE_MS))
  end
  listener()
end

---@param buf integer
function M.buffer(buf)
  buffers[buf] = true
  listener()
end

---@param filetype string
function M.filetype(filetype)
  filetypes[filetype] = true
  listener()
end

--- End every pause that holds in a buffer.
---@param buf integer
function M.resume(buf)
  stop_timer()
  everywhere = false
  buffers[buf] = nil
  filetypes[vim.bo[buf].filetype] = nil
  listener()
end

---@param buf integer
function M.forget(buf)
  buffers[buf] = nil
end

--- Tell whether nothing is wanted in any buffer.
function M.is_everywhere()
  return everywhere or until_ms > 0
end

--- Say why nothing is suggested in a buffer; nil if something may be.
---@param buf integer
---@return string?
function M.reason(buf)
  if until_ms > 0 then
    local minutes = math.ceil((until_ms - vim.uv.now()) / MINUTE_MS)
    return ("for %d more minute%s"):format(minutes, minutes == 1 and "" or "s")
  elseif everywhere then
    return "everywhere"
  elseif buffers[buf] then
    return "in this buffer"
  elseif filetypes[vim.bo[buf].filetype] then
    return "for " .. vim.bo[buf].filetype
  end
  return nil
end

return M
