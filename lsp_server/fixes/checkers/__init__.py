"""Programs and parsers that complain about a file; each runs on text that need not be saved."""
