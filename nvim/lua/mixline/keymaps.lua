-- Keys that act where a suggestion is shown, and are what they were elsewhere.
local accept = require("mixline.accept")
local config = require("mixline.config")
local lsp = require("mixline.lsp")
local source = require("mixline.source")

local M = {}

local CLOSE_MENU = "<Plug>(MixlineCloseMenu)"
local FORMER = "<Plug>(MixlineFormer-%s)"
local UNMAPPED = "the key itself: it was not mapped before Mixline"

local mapped = {} ---@type table<string, string> keys by action, as they are now

-- Neovim's own suggestions may come from other servers too; those are accepted as a whole.
local function accept_foreign(part)
  return part == "all" and lsp.has_inline_completion and vim.lsp.inline_completion.get()
end

local function accept_key(part, former)
  return function()
    if not accept.prepare() then
      return accept_foreign(part) and "" or former
    end
    local menu = vim.fn.pumvisible() == 1 and CLOSE_MENU or ""
    return ("%s<Cmd>lua require('mixline').accept('%s')<CR>"):format(menu, part)
  end
end

local function dismiss_key(former)
  return function()
    if source.shown(vim.api.nvim_get_current_buf()) then
      return "<Cmd>lua require('mixline').dismiss()<CR>"
    end
    return former
  end
end

local function call(command)
  return function()
    return ("<Cmd>lua require('mixline').%s()<CR>"):format(command)
  end
end

local ACTIONS = {
  accept = function(former)
    return accept_key("all", former)
  end,
  accept_word = function(former)
    return accept_key("word", former)
  end,
  accept_line = function(former)
    return accept_key("line", former)
  end,
  dismiss = dismiss_key,
  next = function()
    return call("next")
  end,
  previous = function()
    return call("previous")
  end,
}

local function map_as(key, mapping)
  mapping.lhs = key
  mapping.lhsraw = vim.api.nvim_replace_termcodes(key, true, true, true)
  mapping.lhsrawalt = nil
  vim.fn.mapset("i", false, mapping)
end

--- Give a key's former meaning, or the key itself, a name that can be mapped to.
local function name_former(action, key)
  local name = FORMER:format(action)
  local former = vim.fn.maparg(key, "i", false, true)
  if vim.tbl_isempty(former) or former.buffer == 1 then
    vim.keymap.set("i", name, key, { desc = UNMAPPED })
    return name
  end
  if former.rhs and vim.startswith(former.rhs:lower(), key:lower()) then
    former.noremap = 1 -- Vim does not map the key again there either
  end
  map_as(name, former)
  return name
end

--- Give a key its former meaning back, unless somebody has mapped it since.
local function unmap(action, key)
  local now = vim.fn.maparg(key, "i", false, true)
  local name = FORMER:format(action)
  local former = vim.fn.maparg(name, "i", false, true)
  if now.desc and vim.startswith(now.desc, "Mixline: ") then
    vim.keymap.del("i", key)
    if former.desc ~= UNMAPPED then
      map_as(key, former)
    end
  end
  vim.keymap.del("i", name)
end

--- Map the keys of the options, in place of those that were mapped before.
function M.set()
  for action, key in pairs(mapped) do
    unmap(action, key)
  end
  mapped = {}
  local keymaps = config.options.keymaps
  if not keymaps then
    return
  end
  vim.keymap.set("i", CLOSE_MENU, "<C-x><C-z>", { desc = "close the menu, keep the text" })
  for action, make in pairs(ACTIONS) do
    local key = keymaps[action]
    if key then
      local described = "Mixline: " .. action:gsub("_", " ")
      local options = { expr = true, remap = true, replace_keycodes = true, desc = described }
      vim.keymap.set("i", key, make(name_former(action, key)), options)
      mapped[action] = key
    end
  end
end

return M
