"""Checkpoint folder in, model directory out: the steps in order."""

import hashlib
import importlib.metadata
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import onnx

from inference.errors import LayoutError
from inference.manifest import FORMAT_VERSION, TOKENIZER_NAME, Architecture, Manifest, Quantization
from inference.model_dir import ModelDir, write_manifest
from onnx_export.arch.spec import DecoderSpec
from onnx_export.attention_plan import AttentionPlan, attention_plan
from onnx_export.checkpoint import Checkpoint
from onnx_export.cuda_limits import check_cuda
from onnx_export.errors import CheckpointError, UnsupportedError
from onnx_export.graph.builder import GraphBuilder, tensor_values
from onnx_export.graph.context import GraphContext
from onnx_export.graph.cuda import cuda_graph
from onnx_export.graph.decoder import decoder
from onnx_export.markers import SpecialTokens, read_special_tokens
from onnx_export.parameters import (
    active_parameters,
    estimated_bytes,
    estimated_cuda_bytes,
    total_parameters,
)
from onnx_export.passes.pad_heads import HeadPadding
from onnx_export.progress import Progress, ReadCounter
from onnx_export.quantize.plan import kept_as_stored, plan
from onnx_export.resume import Journal, partial_bytes, resumable_directory
from onnx_export.source import RandomWeights, Source, open_source
from onnx_export.verify import LogitsFunction, PeerFunction, VerifyReport, no_peer, verify_logits
from onnx_export.write import WEIGHTS_NAME, WeightFile, check_space, file_entry

GRAPH_NAMES: Final = MappingProxyType({"cpu": "model.onnx", "cuda": "model.cuda.onnx"})
DEFAULT_PROVIDERS: Final = ("cpu",)
UNKNOWN_LICENCE: Final = "unknown"
_LICENCE_FIELD: Final = re.compile(r"^license:[ \t]*(\S+)[ \t]*$", re.MULTILINE)
_CARD_BYTES: Final = 100_000  # of a model card, where its header must be


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written; `str()` is the line for the user."""

    path: Path
    weights: str
    total_parameters: int
    active_parameters: int
    num_bytes: int
    verified: VerifyReport | None

    def __str__(self) -> str:
        line = (
            f"{self.path}: {self.total_parameters / 1e6:,.1f} M parameters,"
            f" {self.active_parameters / 1e6:,.1f} M active, {self.weights},"
            f" {self.num_bytes / 1e6:,.1f} MB"
        )
        if self.verified is None:
            return line
        found = self.verified
        return line + (
            f"\nverified: relative error {found.relative_error:.1e}; against the unrounded"
            f" checkpoint (by {found.unrounded_by}) {found.top1_agreement:.0%} equal first"
            f" choices, KL divergence {found.kl_divergence:.4f}"
        )


def export_checkpoint(
    checkpoint: Path,
    out: Path,
    *,
    weights: str = "int4",
    attention: str = "auto",
    kv: str = "auto",
    providers: Sequence[str] = DEFAULT_PROVIDERS,
    verify: LogitsFunction | None = None,
    peer: PeerFunction = no_peer,
    licence: str | None = None,
    random: RandomWeights | None = None,
    progress: Progress = lambda _done, _total, _what: None,
) -> ExportReport:
    """Export a Hugging Face checkpoint to a model directory, which appears only when complete.

    An export that was interrupted goes on where it was when the same is asked for again.

    Args:
        checkpoint: folder with config.json, safetensors and tokenizer.json; with ``random``
            config.json is enough, and the name of a preset stands for one.
        out: the directory to make; must not exist.
        weights: int4, int8, fp32 or keep (the checkpoint's values, widened to f32).
        attention: cached, group_query, or auto, which is the faster of them.
        kv: f32 or int8, the format of the key/value cache, or auto: int8 from a context of 8,192
            tokens on, if weights are rounded too.
        providers: which graphs to write: `cpu`, always, and `cuda`.
        verify: computes logits of the new directory, which are compared with the checkpoint's.
        peer: computes the checkpoint's logits, or gives None; then our own reference does, as
            it does for random weights.
        licence: what the manifest says; default: the `license` of the checkpoint's README.md.
        random: draw the weights instead of reading any.
        progress: called after each tensor.

    Raises:
        CheckpointError: a file is missing, damaged, or not as config.json says.
        UnsupportedError: an architecture, config key, precision or provider that is not known, or
            a model that a provider has no kernels for.
        ExportError: ``out`` exists or cannot be written, or verification failed.
    """
    asked = plan(weights)
    _check_providers(providers)
    source = open_source(checkpoint, random)
    spec, tensors = source.spec, source.tensors
    chosen = kept_as_stored(asked, spec, weights)
    mix = attention_plan(spec, attention, kv, exact=chosen.dense == "f32")
    if "cuda" in providers:
        check_cuda(spec, chosen)
    for name, shape in spec.shapes().items():
        tensors.check(name, shape)
    _refuse_unread(tensors, spec)
    tokens = read_special_tokens(tensors.path, spec.vocab, source.tokenizer)
    needed = estimated_bytes(spec, chosen)
    if "cuda" in providers:
        needed += estimated_cuda_bytes(spec, chosen)
    check_space(out, needed - partial_bytes(out))
    counter = ReadCounter(tensors, spec, progress)
    counted = replace(source, tensors=tensors.reporting_to(counter))
    key = _key(source, random, chosen, mix, providers)
    with resumable_directory(out, key, counter) as (partial, journal):
        try:
            said = licence or _licence(tensors)
            _write(partial, journal, counted, chosen, mix, providers, tokens, out.name, said)
        except LayoutError as error:
            raise CheckpointError(f"{checkpoint}, {counter.last_name}: {error}") from error
        ModelDir.open(partial)
        report = (
            verify_logits(tensors, spec, chosen, partial, verify, no_peer if random else peer)
            if verify
            else None
        )
    return ExportReport(
        path=out,
        weights=weights,
        total_parameters=total_parameters(spec),
        active_parameters=active_parameters(spec),
        num_bytes=sum(file.stat().st_size for file in out.iterdir()),
        verified=report,
    )


def _key(
    source: Source,
    random: RandomWeights | None,
    chosen: Quantization,
    mix: AttentionPlan,
    providers: Sequence[str],
) -> str:
    """Return what must be equal for two exports to write the same weights."""
    folder = source.tensors.path
    files = sorted((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in folder.iterdir())
    parts = (source.spec, random, chosen, mix, sorted(providers), files, _produced_by())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _write(
    folder: Path,
    journal: Journal,
    source: Source,
    chosen: Quantization,
    mix: AttentionPlan,
    providers: Sequence[str],
    tokens: SpecialTokens,
    name: str,
    licence: str,
) -> None:
    spec = source.spec
    graphs = {provider: GRAPH_NAMES[provider] for provider in sorted(providers)}
    with WeightFile(folder / WEIGHTS_NAME, journal) as weight_file:
        builder = GraphBuilder(weight_file)
        decoder(
            GraphContext(
                builder=builder,
                spec=spec,
                checkpoint=source.tensors,
                plan=chosen,
                attention=mix,
            )
        )
        data = builder.serialize(name)
        (folder / GRAPH_NAMES["cpu"]).write_bytes(data)
        if "cuda" in providers:
            (folder / GRAPH_NAMES["cuda"]).write_bytes(_cuda_graph(folder, data, weight_file))
        weights_entry = weight_file.close()
    shutil.copyfile(source.tokenizer, folder / TOKENIZER_NAME)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        graphs=graphs,
        architecture=_architecture(spec),
        quantization=chosen,
        fim=tokens.fim,
        chat_template=tokens.chat_template,
        chat=tokens.chat,
        begin_id=tokens.begin_id,
        tasks=tokens.tasks,
        task_tokens=tokens.task_tokens,
        stop_ids=tokens.stop_ids,
        licence=licence,
        files={
            WEIGHTS_NAME: weights_entry,
            **{name: file_entry(folder / name) for name in (*graphs.values(), TOKENIZER_NAME)},
        },
        produced_by=_produced_by(),
    )
    write_manifest(folder, manifest)


def _cuda_graph(folder: Path, cpu_graph: bytes, weights: WeightFile) -> bytes:
    weights.flush()
    made = cuda_graph(
        onnx.ModelProto.FromString(cpu_graph),
        lambda tensor: tensor_values(tensor, folder),
        weights,
        WEIGHTS_NAME,
    )
    return bytes(made.SerializeToString(deterministic=True))


def _architecture(spec: DecoderSpec) -> Architecture:
    return Architecture(
        model_type=spec.model_type,
        hidden=spec.hidden,
        layers=len(spec.layers),
        heads=spec.heads,
        kv_heads=spec.kv_heads,
        head_dim=HeadPadding(head_dim=spec.head_dim).padded,
        experts=spec.experts,
        experts_per_token=spec.experts_per_token,
        expert_hidden=spec.expert_hidden,
        vocab=spec.vocab,
        context=spec.context,
        rope_theta=spec.rope_theta,
        norm_eps=spec.norm_eps,
        norm_topk=spec.norm_topk,
        tied_embeddings=spec.head is None,
        total_parameters=total_parameters(spec),
        active_parameters=active_parameters(spec),
        dense_layers=spec.dense_layers,
        dense_hidden=spec.dense_hidden,
        shared_hidden=spec.shared_hidden,
    )


def _check_providers(providers: Sequence[str]) -> None:
    """Refuse unknown ones, and to leave the CPU out, whose graph the other is made of."""
    if "cpu" not in providers or set(providers) - set(GRAPH_NAMES):
        raise UnsupportedError(
            f"expected providers to be cpu or cpu,cuda, found {','.join(providers)!r}"
        )


def _refuse_unread(tensors: Checkpoint, spec: DecoderSpec) -> None:
    """Refuse weights that the family does not have: they would change the result."""
    known = spec.shapes()
    unread = sorted(
        name for name in tensors.names() if name not in known and not name.startswith(spec.unused)
    )
    if spec.head is None:  # some writers store the tied matrix twice
        unread = [name for name in unread if name != "lm_head.weight"]
    if unread:
        raise UnsupportedError(
            f"{tensors.path}: expected the tensors of a {spec.model_type!r} model, found"
            f" {len(unread)} more, {unread[0]} among them; the model is of another family"
        )


def _licence(checkpoint: Checkpoint) -> str:
    """Return what the header of the checkpoint's model card says."""
    card = checkpoint.path / "README.md"
    if not card.is_file():
        return UNKNOWN_LICENCE
    with card.open("rb") as file:
        text = file.read(_CARD_BYTES).decode("utf-8", "replace")
    parts = text.split("---", maxsplit=2)
    found = _LICENCE_FIELD.search(parts[1]) if len(parts) > 2 and not parts[0].strip() else None  # noqa: PLR2004
    return found[1] if found else UNKNOWN_LICENCE


def _produced_by() -> str:
    try:
        return f"mixline {importlib.metadata.version('mixline')}"
    except importlib.metadata.PackageNotFoundError:
        return "mixline (not installed)"
