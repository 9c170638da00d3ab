-- The version of this plugin, the same as the server's.
return "0.1.0"
