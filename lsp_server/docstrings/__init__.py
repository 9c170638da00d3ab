"""Docstrings that follow from the code: syntax tree, skeleton, descriptions, verification."""
