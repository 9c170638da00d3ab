"""Quick fixes: a diagnostic, edits that might remove it, and the proof that one of them does."""
