-- Finds the server's program; one from inside the workspace is never run.
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
  if
    not config.trusts(root) and (is_inside(real, root) or is_inside(vim.fs.normalize(found), root))
  then
    return nil,
      ("%s lies inside the workspace, which is not trusted; set `cmd` to a program outside"):format(
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
