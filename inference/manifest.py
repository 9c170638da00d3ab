"""The manifest of a model directory: what `manifest.json` says, checked value by value."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, get_args

from inference.errors import ModelDirectoryError
from inference.json_fields import JsonFields
from inference.ops.layout import BLOCKS, LAYOUT

FORMAT_VERSION: Final = 1
MANIFEST_NAME: Final = "manifest.json"
TOKENIZER_NAME: Final = "tokenizer.json"
MAX_MANIFEST_BYTES: Final = 2**20
MAX_NAME: Final = 200  # characters
MAX_CHAT_TEXT: Final = 1000  # characters of a piece
SHA256_DIGITS: Final = 64

ExpertFormat: TypeAlias = Literal["f32", "int8", "int4", "mxfp4"]
DenseFormat: TypeAlias = Literal["f32", "int8", "int4"]
EmbeddingFormat: TypeAlias = Literal["f32", "int8"]
FimStyle: TypeAlias = Literal["spm", "psm", "suffix_first", "none"]
Task: TypeAlias = Literal["completion", "docstring", "fix"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Sizes of the network; `context` in tokens, parameters counted without padding."""

    model_type: str
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    experts: int
    experts_per_token: int
    expert_hidden: int
    vocab: int
    context: int
    rope_theta: float
    norm_eps: float
    norm_topk: bool
    tied_embeddings: bool
    total_parameters: int
    active_parameters: int  # read for one token, embedding and head included
    dense_layers: int = 0  # layers without a router: one expert, which every token meets
    dense_hidden: int = 0  # hidden size of that expert
    shared_hidden: int = 0  # hidden size of an expert beside the routed ones; 0: there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """How the matrices are stored; one scale per `block` inputs where they are quantised.

    `layout` is the order in which quantised experts are packed, see `inference.ops.layout`.
    """

    experts: ExpertFormat
    dense: DenseFormat
    embedding: EmbeddingFormat
    block: int
    layout: int = LAYOUT


@dataclass(frozen=True, slots=True, kw_only=True)
class FimMarkers:
    """Preferred order of a fill-in-the-middle prompt, and its markers as token ids."""

    style: FimStyle
    prefix: int | None
    suffix: int | None
    middle: int | None
    file_sep: int | None
    pad: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatFormat:
    """What stands around a question: token ids of markers, and text between them."""

    before: tuple[int | str, ...]
    after: tuple[int | str, ...]  # up to the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTokens:
    """Token ids that open a task's prompt, where the model was trained on it."""

    doc: int | None
    fix: int | None
    diag: int | None


NO_TASKS: Final = TaskTokens(doc=None, fix=None, diag=None)
"""Those of a model that completes and does nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """Size and SHA-256 (64 hexadecimal digits) of one file of the directory."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that `manifest.json` says."""

    format_version: int
    name: str
    graphs: Mapping[str, str]  # provider -> file
    architecture: Architecture
    quantization: Quantization
    fim: FimMarkers
    chat_template: str | None
    tasks: tuple[Task, ...]
    task_tokens: TaskTokens
    stop_ids: tuple[int, ...]
    licence: str
    files: Mapping[str, FileEntry]  # all files of the directory but the manifest itself
    produced_by: str
    chat: ChatFormat | None = None  # of a model that chats
    begin_id: int | None = None  # stands before every prompt, if the model was trained so


def read_manifest(path: Path) -> Manifest:
    """Read and check ``path``.

    Raises:
        ModelDirectoryError: unreadable, no JSON, of another format version, or a value that is
            missing, of the wrong type, out of range or in contradiction to another one.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise ModelDirectoryError(
            f"{path}: cannot be read ({error.strerror}); expected a model directory made by"
            " `mixline export`"
        ) from error
    if len(data) > MAX_MANIFEST_BYTES:
        raise ModelDirectoryError(
            f"{path}: expected at most {MAX_MANIFEST_BYTES} bytes, found more; export again"
        )
    return parse_manifest(data, str(path))


def parse_manifest(data: bytes, source: str) -> Manifest:
    """Check a manifest's bytes; ``source`` names them in errors.

    Raises:
        ModelDirectoryError: as `read_manifest`.
    """
    fields = JsonFields.parse(data, source, ModelDirectoryError)
    version = fields.integer("format_version", 0, 10**9)
    if version != FORMAT_VERSION:
        raise ModelDirectoryError(
            f"{source}: expected format_version {FORMAT_VERSION}, found {version};"
            + (" update mixline" if version > FORMAT_VERSION else " export the model again")
        )
    architecture = _architecture(fields.nested("architecture"))
    vocab = architecture.vocab
    fim = _fim(fields.nested("fim"), vocab)
    tasks = fields.nested("task_tokens")
    files = fields.nested("files")
    graphs = fields.nested("graphs")
    manifest = Manifest(
        format_version=version,
        name=fields.text("name", MAX_NAME),
        graphs=MappingProxyType({key: graphs.text(key, MAX_NAME) for key in graphs.names()}),
        architecture=architecture,
        quantization=_quantization(fields.nested("quantization")),
        fim=fim,
        chat_template=fields.optional_text("chat_template", MAX_MANIFEST_BYTES),
        tasks=tuple(fields.choices("tasks", get_args(Task))),
        task_tokens=TaskTokens(
            doc=tasks.optional_integer("doc", 0, vocab - 1),
            fix=tasks.optional_integer("fix", 0, vocab - 1),
            diag=tasks.optional_integer("diag", 0, vocab - 1),
        ),
        stop_ids=tuple(fields.integers("stop_ids", 0, vocab - 1)),
        licence=fields.text("licence", 10_000),
        files=MappingProxyType({name: _file(files.nested(name)) for name in files.names()}),
        produced_by=fields.text("produced_by", MAX_NAME),
        chat=None if fields.value("chat") is None else _chat(fields.nested("chat"), vocab),
        begin_id=fields.optional_integer("begin_id", 0, vocab - 1),
    )
    _check_files(manifest, source)
    return manifest


def serialize_manifest(manifest: Manifest) -> bytes:
    """Return the bytes of `manifest.json`, which `parse_manifest` reads back.

    Raises:
        ModelDirectoryError: the manifest contradicts itself.
    """
    plain = {field: getattr(manifest, field) for field in Manifest.__slots__}
    for field in ("architecture", "quantization", "fim", "task_tokens"):
        plain[field] = asdict(plain[field])
    plain["chat"] = asdict(manifest.chat) if manifest.chat else None
    plain["graphs"] = dict(manifest.graphs)
    plain["files"] = {name: asdict(entry) for name, entry in manifest.files.items()}
    data = (json.dumps(plain, indent=2) + "\n").encode()
    parse_manifest(data, MANIFEST_NAME)
    return data


def is_plain_name(name: str) -> bool:
    """Say whether ``name`` names a file of the directory itself, on any platform."""
    return (
        0 < len(name) <= MAX_NAME
        and not name.startswith(".")
        and not set(name) & set('/\\:\0<>"|?*')
        and name.isprintable()
    )


def _architecture(fields: JsonFields) -> Architecture:
    architecture = Architecture(
        model_type=fields.text("model_type", 100),
        hidden=fields.integer("hidden", 1, 2**17),
        layers=fields.integer("layers", 1, 1024),
        heads=fields.integer("heads", 1, 1024),
        kv_heads=fields.integer("kv_heads", 1, 1024),
        head_dim=fields.integer("head_dim", 1, 2**12),
        experts=fields.integer("experts", 1, 2**14),
        experts_per_token=fields.integer("experts_per_token", 1, 2**10),
        expert_hidden=fields.integer("expert_hidden", 1, 2**17),
        vocab=fields.integer("vocab", 1, 2**22),
        context=fields.integer("context", 1, 2**24),
        rope_theta=fields.number("rope_theta"),
        norm_eps=fields.number("norm_eps"),
        norm_topk=fields.boolean("norm_topk"),
        tied_embeddings=fields.boolean("tied_embeddings"),
        total_parameters=fields.integer("total_parameters", 1, 2**50),
        active_parameters=fields.integer("active_parameters", 1, 2**50),
        dense_layers=fields.optional_integer("dense_layers", 0, 1024) or 0,
        dense_hidden=fields.optional_integer("dense_hidden", 0, 2**17) or 0,
        shared_hidden=fields.optional_integer("shared_hidden", 0, 2**17) or 0,
    )
    if architecture.dense_layers >= architecture.layers:
        raise fields.error(
            "dense_layers", f"below the {architecture.layers} layers", architecture.dense_layers
        )
    if architecture.heads % architecture.kv_heads:
        raise fields.error(
            "kv_heads", f"a divisor of heads {architecture.heads}", architecture.kv_heads
        )
    if architecture.experts_per_token > architecture.experts:
        raise fields.error(
            "experts_per_token",
            f"at most the {architecture.experts} experts",
            architecture.experts_per_token,
        )
    for name in ("rope_theta", "norm_eps"):
        value = getattr(architecture, name)
        if not (math.isfinite(value) and value > 0):
            raise fields.error(name, "a finite number above 0", value)
    return architecture


def _quantization(fields: JsonFields) -> Quantization:
    block = fields.integer("block", min(BLOCKS), max(BLOCKS))
    if block not in BLOCKS:
        raise fields.error("block", f"one of {BLOCKS}", block)
    experts: ExpertFormat = fields.choice("experts", get_args(ExpertFormat))
    layout = fields.integer("layout", 0, 10**9) if "layout" in fields.names() else 1
    if experts != "f32" and layout != LAYOUT:
        raise fields.error(
            "layout",
            f"{LAYOUT}, the order that the kernels read"
            f" ({'update mixline' if layout > LAYOUT else 'export the model again'})",
            layout,
        )
    return Quantization(
        experts=experts,
        dense=fields.choice("dense", get_args(DenseFormat)),
        embedding=fields.choice("embedding", get_args(EmbeddingFormat)),
        block=block,
        layout=layout,
    )


def _fim(fields: JsonFields, vocab: int) -> FimMarkers:
    ids = {
        name: fields.optional_integer(name, 0, vocab - 1)
        for name in ("prefix", "suffix", "middle", "file_sep", "pad")
    }
    style: FimStyle = fields.choice("style", get_args(FimStyle))
    if style != "none":
        for name in ("prefix", "suffix", "middle"):
            if ids[name] is None:
                raise fields.error(name, f"a token id, as the style is {style}", None)
    return FimMarkers(style=style, **ids)


def _chat(fields: JsonFields, vocab: int) -> ChatFormat:
    def pieces(name: str) -> tuple[int | str, ...]:
        found = fields.value(name)
        if not isinstance(found, list) or len(found) > MAX_NAME:
            raise fields.error(name, "a list of token ids and texts", found)
        kept: list[int | str] = []
        for piece in found:
            is_id = isinstance(piece, int) and not isinstance(piece, bool) and 0 <= piece < vocab
            if not is_id and not (isinstance(piece, str) and len(piece) <= MAX_CHAT_TEXT):
                raise fields.error(name, f"token ids below {vocab} and texts", piece)
            kept.append(piece)
        return tuple(kept)

    return ChatFormat(before=pieces("before"), after=pieces("after"))


def _file(fields: JsonFields) -> FileEntry:
    sha256 = fields.text("sha256", SHA256_DIGITS)
    if len(sha256) != SHA256_DIGITS or set(sha256) - set("0123456789abcdef"):
        raise fields.error("sha256", "64 hexadecimal digits", sha256)
    return FileEntry(bytes=fields.integer("bytes", 0, 2**50), sha256=sha256)


def _check_files(manifest: Manifest, source: str) -> None:
    for name in manifest.files:
        if not is_plain_name(name) or name == MANIFEST_NAME:
            raise ModelDirectoryError(
                f"{source}: expected names of files in the directory itself under `files`,"
                f" found {name!r}; export the model again"
            )
    if not manifest.graphs:
        raise ModelDirectoryError(f"{source}: expected a graph, found none; export the model again")
    for name in (*manifest.graphs.values(), TOKENIZER_NAME):
        if name not in manifest.files:
            raise ModelDirectoryError(
                f"{source}: expected {name!r} under `files`, found"
                f" {sorted(manifest.files)}; export the model again"
            )
