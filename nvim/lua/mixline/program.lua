-- Finds the server's program; what PATH leads to inside the workspace is not run.
local config = require("mixline.config")

local M = {}

local INSTALL = "install it (pip install mixline) or set `cmd` in require('mixline').setup"

local function is_inside(path, folder)
  return folder ~= nil
    and vim.startswith(path .. "/", (vim.uv.fs_realpath(folder) or folder) .. "/")
end

--- Return the command to start, or nil and what is wrong.
---@param root string? the workspace
---@return string[]? command
---@return string? problem
function M.command(root)
  local cmd = vim.deepcopy(config.options.cmd)
  local found = vim.fn.exepath(cmd[1] or "")
  if found == "" then
    return nil, ("there is no program %s; %s"):format(cmd[1] or "", INSTALL)
  end
  local real = vim.uv.fs_realpath(found) or found
  local is_named = not cmd[1]:match("^[/~]") and not cmd[1]:match("^%a:[/\\]")
  local is_theirs = is_inside(real, root) or is_inside(vim.fs.normalize(found), root)
  if is_named and is_theirs and not config.trusts(root) then
    return nil,
      ("%s lies inside the workspace, which is not trusted; give its full path in `cmd`"):format(
        found
      )
  end
  cmd[1] = vim.fn.fnamemodify(found, ":p")
  if config.options.model then
    vim.list_extend(cmd, { "--model", vim.fn.expand(config.options.model) })
  end
  return cmd
end

return M
