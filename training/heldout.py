"""Bits per byte on held-out repositories, for a run's curve and for the model card."""

import math
from collections.abc import Sequence
from random import Random

import torch
from tokenizers import Tokenizer

from training.corpus import Corpus, File
from training.model import Model
from training.tokenizer import ENDOFTEXT


def sample_files(corpus: Corpus, num_files: int, seed: int = 1) -> list[File]:
    """Draws held-out files, the same number from each repository."""
    by_source: dict[str, list[File]] = {}
    for file in corpus.files:
        if file.split == "heldout":
            by_source.setdefault(file.source, []).append(file)
    rng = Random(seed)  # noqa: S311 - reproducible, not secret
    drawn: list[File] = []
    for files in by_source.values():
        drawn += rng.sample(files, min(len(files), num_files // len(by_source)))
    return drawn


def bits_per_byte(
    model: Model, tokenizer: Tokenizer, texts: Sequence[str], *, context: int, rows: int = 8
) -> tuple[float, list[list[float]]]:
    """Measures plain left-to-right text, whole files, in windows with half overlap.

    Returns:
        Total bits over total UTF-8 bytes, and the load of each expert [layers][experts].
    """
    windows: list[tuple[list[int], int]] = []  # ids, and how many of them are context only
    num_bytes = 0
    for text in texts:
        num_bytes += len(text.encode())
        ids = [ENDOFTEXT, *tokenizer.encode(text, add_special_tokens=False).ids]
        known = 1
        while known < len(ids):
            start = max(0, known - context // 2) if known > 1 else 0
            end = min(len(ids), start + context)
            windows.append((ids[start:end], known - start))
            known = end
    windows.sort(key=lambda window: len(window[0]))
    nats, loads = 0.0, torch.zeros(model.config.layers, model.config.experts)
    device = model.embedding.device
    with torch.no_grad():
        for first in range(0, len(windows), rows):
            group = windows[first : first + rows]
            width = max(len(ids) for ids, _ in group)
            batch = torch.zeros(len(group), width, dtype=torch.long)
            targets = torch.full_like(batch, -1)
            for row, (ids, known) in enumerate(group):
                batch[row, : len(ids)] = torch.tensor(ids)
                targets[row, known - 1 : len(ids) - 1] = torch.tensor(ids[known:])
            output = model(batch.to(device), targets.to(device), -1)
            nats += float(output.nats)
            loads += output.load.cpu() * batch.numel()
    shares = (loads / loads.sum(dim=1, keepdim=True)).tolist()
    return nats / math.log(2) / num_bytes, shares
