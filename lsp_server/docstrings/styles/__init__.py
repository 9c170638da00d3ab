"""Writes and reads docstrings in the styles of Google, numpy and Sphinx."""
