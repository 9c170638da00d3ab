"""`mixline bench keystrokes`: real files typed key by key into the language server."""
