"""What exists: names of workspace modules, the standard library and the installed packages."""
