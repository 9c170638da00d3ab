"""Runs an exported Mixture-of-Experts model: prompts, keys and values, decoding, its operators."""
