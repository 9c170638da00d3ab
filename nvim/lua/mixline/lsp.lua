-- Neovim's LSP client, whose methods and conversions differ between 0.10, 0.11 and 0.12.
local M = {}

local has_methods = vim.fn.has("nvim-0.11") == 1

--- Whether this Neovim shows inline completions by itself.
M.has_inline_completion = vim.lsp.inline_completion ~= nil

local function call(client, name, ...)
  if has_methods then
    return client[name](client, ...)
  end
  return client[name](...)
end

function M.request(client, method, params, handler, buf)
  return call(client, "request", method, params, handler, buf)
end

function M.notify(client, method, params)
  return call(client, "notify", method, params)
end

function M.cancel(client, id)
  return call(client, "cancel_request", id)
end

function M.stop(client)
  return call(client, "stop", true)
end

function M.is_stopped(client)
  return call(client, "is_stopped")
end

--- Return the byte offset of an LSP character in a line.
function M.byte_of(line, character, encoding)
  if encoding == "utf-8" then
    return math.min(character, #line)
  end
  if has_methods then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local wide = encoding == "utf-16"
  local width32, width16 = vim.str_utfindex(line)
  return vim.str_byteindex(line, math.min(character, wide and width16 or width32), wide)
end

--- Return the LSP character of a byte offset in a line.
function M.character_of(line, byte, encoding)
  if encoding == "utf-8" then
    return byte
  end
  if has_methods then
    return vim.str_utfindex(line, encoding, byte, false)
  end
  local utf32, utf16 = vim.str_utfindex(line, byte)
  return encoding == "utf-16" and utf16 or utf32
end

--- Return the version that the server was told of a buffer last.
function M.version_of(buf)
  return vim.lsp.util.buf_versions[buf]
end

return M
