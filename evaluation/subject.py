"""What was evaluated: the model, the data, the settings; the head of every report."""

from dataclasses import dataclass
from pathlib import Path

from evaluation.resume import model_digest
from inference import CompletionRequest, Engine
from inference.manifest import MANIFEST_NAME, read_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One model directory on one set of data."""

    model: str
    model_digest: str  # of its manifest, which names the digests of all its files
    total_parameters: int
    active_parameters: int
    data: str


def describe_subject(model: Path, data: Path | None) -> Subject:
    """Return the facts.

    Args:
        model: a directory that was opened before.
        data: None for the project's own sample.

    Raises:
        ModelDirectoryError: the manifest cannot be read.
    """
    manifest = read_manifest(model / MANIFEST_NAME)
    return Subject(
        model=manifest.name,
        model_digest=model_digest(model),
        total_parameters=manifest.architecture.total_parameters,
        active_parameters=manifest.architecture.active_parameters,
        data="sample" if data is None else data.resolve().name,
    )


def headline(subject: Subject) -> str:
    """Return the line above a table."""
    warning = ", a tiny sample: no figure to quote" if subject.data == "sample" else ""
    return (
        f"{subject.model} ({subject.model_digest[:8]}), {subject.total_parameters / 1e6:.1f} M"
        f" parameters, {subject.active_parameters / 1e6:.1f} M active;"
        f" data: {subject.data}{warning}"
    )


def complete(engine: Engine, request: CompletionRequest) -> str:
    """Return the text of one completion; an interrupt ends it.

    Raises:
        MixlineError: the model failed.
    """
    generation = engine.submit(request)
    try:
        return generation.future.result().text
    except BaseException:
        generation.cancel()
        raise
