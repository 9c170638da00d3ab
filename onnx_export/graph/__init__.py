"""Pieces of a decoder graph, each a function that adds nodes and returns their results' names."""
