-- Options of `setup`: defaults, and what is refused.
local M = {}

---@class mixline.Options
M.defaults = {
  cmd = { "mixline", "serve" },
  model = nil, ---@type string? a model directory; nil: the one that ships
  filetypes = nil, ---@type string[]? nil: every one but those of `except`
  except = { "gitcommit", "gitrebase", "hgcommit", "svn", "help", "checkhealth", "netrw" },
  root_markers = { ".git", ".hg", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" },
  trusted = false, ---@type boolean|fun(root: string): boolean
  delay_ms = 30, -- from the last key to the question
  settings = {}, -- of the server; the key is what stands behind `mixline.`
  highlight = "MixlineSuggestion",
  keymaps = {
    accept = "<Tab>",
    accept_word = "<M-Right>",
    accept_line = "<M-End>",
    next = "<M-n>",
    previous = "<M-p>",
    dismiss = "<C-]>",
  },
}

local KINDS = {
  cmd = { "table" },
  model = { "string", "nil" },
  filetypes = { "table", "nil" },
  except = { "table" },
  root_markers = { "table" },
  trusted = { "boolean", "function" },
  delay_ms = { "number" },
  settings = { "table" },
  highlight = { "string" },
  keymaps = { "table", "boolean" },
}

M.options = vim.deepcopy(M.defaults)

local function is_text(value)
  return type(value) == "string" and value ~= ""
end

local function is_list_of_texts(value)
  return vim.islist(value) and vim.iter(value):all(is_text)
end

-- What values have to be, beyond their kind.
local CHECKS = {
  cmd = {
    "a program and its arguments",
    function(value)
      return is_list_of_texts(value) and #value > 0
    end,
  },
  model = { "a folder", is_text },
  filetypes = { "a list of file types", is_list_of_texts },
  except = { "a list of file types", is_list_of_texts },
  root_markers = { "a list of names", is_list_of_texts },
  delay_ms = {
    "milliseconds from 0 to 60000",
    function(value)
      return value >= 0 and value <= 60000
    end,
  },
  settings = {
    "settings by their names",
    function(value)
      return vim.iter(vim.tbl_keys(value)):all(is_text)
    end,
  },
  highlight = { "a highlight group", is_text },
}

local function check(given)
  if type(given) ~= "table" then
    error(("mixline: expected setup to get a table of options, got a %s"):format(type(given)), 0)
  end
  for name, value in pairs(given) do
    local kinds = KINDS[name]
    if not kinds then
      local known = vim.tbl_keys(KINDS)
      table.sort(known)
      error(
        ("mixline: there is no option %q; there are: %s"):format(name, table.concat(known, ", ")),
        0
      )
    end
    if not vim.tbl_contains(kinds, type(value)) then
      local expected = table.concat(kinds, " or ")
      error(("mixline: expected %s to be a %s, got a %s"):format(name, expected, type(value)), 0)
    end
    local words, holds = unpack(CHECKS[name] or {})
    if holds and not holds(value) then
      local found = vim.inspect(value, { newline = " ", indent = "" })
      error(("mixline: expected %s to be %s, got %s"):format(name, words, found), 0)
    end
  end
  for action, key in pairs(type(given.keymaps) == "table" and given.keymaps or {}) do
    if M.defaults.keymaps[action] == nil or (not is_text(key) and key ~= false) then
      error(("mixline: keymaps.%s: expected an action's key or false"):format(action), 0)
    end
  end
end

--- Take the user's options over the defaults; an error names what is wrong with them.
---@param given table?
function M.apply(given)
  given = given == nil and {} or given
  check(given)
  M.options = vim.tbl_deep_extend("force", vim.deepcopy(M.defaults), given)
  for _, list in ipairs({ "cmd", "filetypes", "except", "root_markers" }) do
    M.options[list] = given[list] or M.options[list] -- a list is replaced, not merged
  end
  if given.keymaps == true then
    M.options.keymaps = vim.deepcopy(M.defaults.keymaps)
  end
end

--- Tell whether the user has said that programs inside a workspace may be run.
---@param root string?
function M.trusts(root)
  local trusted = M.options.trusted
  if type(trusted) == "function" then
    return root ~= nil and trusted(root) == true
  end
  return trusted
end

--- Tell whether a buffer is one that Mixline may see: an ordinary file of a wanted type.
---@param buf integer
function M.wants(buf)
  local options, filetype = M.options, vim.bo[buf].filetype
  if vim.bo[buf].buftype ~= "" or not vim.bo[buf].modifiable or filetype == "" then
    return false
  end
  local scheme = vim.api.nvim_buf_get_name(buf):match("^(%a[%w+.-]+):/")
  if scheme and scheme ~= "file" then
    return false -- fugitive:, oil:, diffview: and their like
  end
  if options.filetypes then
    return vim.tbl_contains(options.filetypes, filetype)
  end
  return not vim.tbl_contains(options.except, filetype)
end

return M
