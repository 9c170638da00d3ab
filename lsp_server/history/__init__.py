"""What became of suggestions: inferred from edits, kept in one local file that holds no text."""
