"""One file per LSP method: short shells from a snapshot of the session to LSP types."""
