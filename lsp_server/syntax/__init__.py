"""The only door to tree-sitter: what the syntax of a document says about a place in it."""
