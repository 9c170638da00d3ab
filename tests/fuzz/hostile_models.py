"""Model directories as a stranger might make them: every file damaged, lying or a trap.

A case starts from a small sound model, hard-linked, and changes one to three things. Where a file
is changed its size in the manifest is changed along, as a careful attacker would.
"""

import copy
import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import onnx
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from onnx_export.random_checkpoint import make_random_model, qwen3_moe_config

SPECIAL: Final = ("<|end|>", "<|pad|>", "<|prefix|>", "<|suffix|>", "<|middle|>", "<|sep|>")
SIZES: Final = {
    "hidden": 32,
    "layers": 1,
    "heads": 2,
    "kv_heads": 1,
    "head_dim": 32,
    "experts": 4,
    "experts_per_token": 2,
    "expert_hidden": 32,
    "context": 512,
}
NUMBERS: Final = (
    *(0, 1, -1, 2, 3, 7, 16, 31, 32, 33, 255, 256, 4096, 2**15, 2**16, 2**20, 2**31 - 1, 2**31),
    *(2**32, 2**40, 2**48 - 1, 2**53, 2**62, 2**63 - 1, -(2**31), -(2**63)),
)
JUNK: Final = (
    *(None, True, False, [], {}, "", "x", 0.5, -0.0, 1e308, [[]], "../x", "/etc/passwd", "\0"),
    *("cpu", "weights.bin", "model.onnx", "\ud800", "a" * 5000, [0] * 1000, 10**400),
)
NAMES: Final = ("manifest.json", "model.onnx", "tokenizer.json", "weights.bin")
OPERATORS: Final = (
    *("Loop", "If", "Scan", "ConstantOfShape", "Expand", "Tile", "Gather", "Reshape", "Slice"),
    *("ExpertFFN", "ExpertRouter", "CachedAttention", "MatMulNBits", "Split", "Mul", "QMoE", ""),
)
PLACES: Final = ("../secret", "/etc/passwd", "/dev/zero", "model.onnx", "tokenizer.json", "", ".")
FLOATS: Final = (0x7FC00000, 0x7F800000, 0xFF800000, 0xFFFFFFFF, 0x7F7FFFFF, 0x00000001, 0)
Edit = Callable[[Path, random.Random], None]


def make_base(folder: Path, weights: str) -> Path:
    """Export a sound model of random weights."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {text: len(SPECIAL) + rank for rank, text in enumerate(alphabet)}
    merges = [(letter, letter) for letter in "abcdefgh"]
    vocab |= {a + b: len(SPECIAL) + len(alphabet) + i for i, (a, b) in enumerate(merges)}
    special = {text: rank for rank, text in enumerate(SPECIAL)}
    tokenizer = Tokenizer(models.BPE(vocab=special | vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = qwen3_moe_config(vocab=tokenizer.get_vocab_size(), **SIZES)
    out = folder / "model"
    make_random_model(out, config, folder / "tokenizer.json", weights=weights)
    return out


def make_case(base: Path, folder: Path, draw: random.Random) -> tuple[str, ...]:
    """Make a model directory at ``folder``, and return what was done to it."""
    folder.mkdir()
    for name in NAMES:
        os.link(base / name, folder / name)
    edits = draw.choices([*EDITS], [*EDITS.values()], k=draw.choice((1, 1, 1, 2, 3)))
    for edit in edits:
        edit(folder, draw)
    return tuple(edit.__name__ for edit in edits)


def bytes_changed(folder: Path, draw: random.Random) -> None:
    """Flip, insert, repeat or remove bytes anywhere in a file."""
    name = draw.choice(NAMES)
    data = bytearray(_read(folder / name))
    for _ in range(draw.choice((1, 1, 2, 8, 64))):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0 if data:
                data[min(at, len(data) - 1)] ^= 1 << draw.randrange(8)
            case 1:
                data[at:at] = draw.randbytes(draw.choice((1, 4, 16)))
            case 2:
                del data[at : at + draw.choice((1, 2, 8, 100))]
            case 3:
                data[at:at] = data[at : at + draw.choice((1, 20, 500))]
            case _:
                data[at : at + 1] = bytes([draw.choice((0, 0x7F, 0x80, 0xFF))])
    _put(folder, name, bytes(data))


def cut(folder: Path, draw: random.Random) -> None:
    """Cut or lengthen a file, with or without the manifest knowing."""
    name = draw.choice(NAMES)
    data = _read(folder / name)
    size = draw.choice((0, 1, len(data) // 2, max(0, len(data) - 1), len(data) + 1))
    _put(folder, name, data[:size].ljust(size, b"\0"), tells=draw.random() < 0.7)


def manifest_changed(folder: Path, draw: random.Random) -> None:
    """Change values of the manifest."""
    _change_json(folder, "manifest.json", draw)


def tokenizer_changed(folder: Path, draw: random.Random) -> None:
    """Change values of the tokenizer."""
    _change_json(folder, "tokenizer.json", draw)


def graph_changed(folder: Path, draw: random.Random) -> None:
    """Change the graph, field by field."""
    try:
        proto = onnx.ModelProto.FromString(_read(folder / "model.onnx"))
    except Exception:  # noqa: BLE001 - an edit before this one has damaged it
        return
    if not (proto.graph.node and proto.graph.initializer and proto.graph.input):
        return
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        draw.choice((_change_node, _change_attribute, _change_tensor, _change_value))(proto, draw)
    _put(folder, "model.onnx", proto.SerializeToString())


def weights_poisoned(folder: Path, draw: random.Random) -> None:
    """Write what is no number, or is enormous, over some or all weights."""
    data = bytearray(_read(folder / "weights.bin"))
    pattern = struct.pack("<I", draw.choice(FLOATS))
    if draw.random() < 0.3:
        data[:] = pattern * (len(data) // 4)
    for _ in range(draw.choice((1, 10, 1000))):
        at = draw.randrange(max(1, len(data) // 4)) * 4
        data[at : at + 4] = pattern
    _put(folder, "weights.bin", bytes(data))


def trapped(folder: Path, draw: random.Random) -> None:
    """Put a link, a pipe, a folder or a device in the place of a file."""
    path = folder / draw.choice(NAMES)
    if not path.is_file() or path.is_symlink():
        return
    data = path.read_bytes()
    path.unlink()
    match draw.randrange(6):
        case 0:
            outside = folder.parent / f"outside-{path.name}"
            outside.write_bytes(data)
            path.symlink_to(outside)
        case 1:
            path.symlink_to(path.name)  # a loop
        case 2:
            os.mkfifo(path)
        case 3:
            path.mkdir()
        case 4:
            path.symlink_to(draw.choice(("/dev/zero", "/dev/urandom", "/proc/self/mem", "/etc")))
        case _:
            inside = folder / "copy"
            inside.write_bytes(data)
            path.symlink_to(inside.name)


EDITS: Final[dict[Edit, int]] = {
    bytes_changed: 20,
    cut: 6,
    manifest_changed: 20,
    tokenizer_changed: 15,
    graph_changed: 30,
    weights_poisoned: 6,
    trapped: 5,
}


def clear(folder: Path) -> None:
    """Remove a case."""
    shutil.rmtree(folder)
    for outside in folder.parent.glob("outside-*"):
        outside.unlink()


def _read(path: Path) -> bytes:
    """Return a file's bytes; nothing of what an edit before has made a trap."""
    try:
        inside = path.is_file() and path.resolve().parent == path.parent
    except (OSError, RuntimeError):
        inside = False
    return path.read_bytes() if inside else b""


def _put(folder: Path, name: str, data: bytes, *, tells: bool = True) -> None:
    """Replace a file, and its size in the manifest."""
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        return
    path.unlink(missing_ok=True)  # never write through the link to the sound model
    path.write_bytes(data)
    if name == "manifest.json" or not tells:
        return
    try:
        manifest = json.loads(_read(folder / "manifest.json"))
        manifest["files"][name]["bytes"] = len(data)
    except (ValueError, LookupError, TypeError):
        return
    _put(folder, "manifest.json", json.dumps(manifest).encode())


def _change_json(folder: Path, name: str, draw: random.Random) -> None:
    try:
        value: Any = json.loads(_read(folder / name))
    except ValueError:
        return
    for _ in range(draw.choice((1, 1, 2, 5))):
        places = [*_places(value)]
        if not places:
            return
        holder, key = draw.choice(places)
        chosen = draw.random()
        if chosen < 0.2:
            del holder[key]
        elif chosen < 0.5:
            holder[key] = draw.choice(NUMBERS)
        elif chosen < 0.8:
            holder[key] = copy.deepcopy(draw.choice(JUNK))  # else one might come to hold itself
        else:
            other, at = draw.choice(places)
            holder[key] = json.loads(json.dumps(other[at]))
    _put(folder, name, json.dumps(value).encode())


def _places(value: object, *, most: int = 40) -> list[tuple[Any, Any]]:
    """Return where parts stand; of long lists and tables only some, or the vocabulary is all."""
    entries: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    found: list[tuple[Any, Any]] = []
    for key, item in entries[:most]:
        found += [(value, key), *_places(item)]
    return found


def _change_node(proto: onnx.ModelProto, draw: random.Random) -> None:
    graph = proto.graph
    node = draw.choice(graph.node)
    names = [name for one in graph.node for name in (*one.input, *one.output)]
    names += [one.name for one in graph.initializer] + ["", "nowhere"]
    match draw.randrange(6):
        case 0:
            node.op_type = draw.choice(OPERATORS)
            if draw.random() < 0.5:
                node.domain = draw.choice(("", "mixline", "com.microsoft", "evil"))
        case 1 if node.input:
            node.input[draw.randrange(len(node.input))] = draw.choice(names)
        case 2:
            node.input.append(draw.choice(names))
        case 3 if node.output:
            node.output[draw.randrange(len(node.output))] = draw.choice(names)
        case 4:
            graph.node.remove(node)
            if draw.random() < 0.5:
                graph.node.append(node)
        case _:
            graph.node.append(node)


def _change_attribute(proto: onnx.ModelProto, draw: random.Random) -> None:
    nodes = [node for node in proto.graph.node if node.attribute]
    if not nodes:
        return
    node = draw.choice(nodes)
    attribute = draw.choice(node.attribute)
    match draw.randrange(5):
        case 0 | 1 if attribute.type == onnx.AttributeProto.INT:
            attribute.i = draw.choice(NUMBERS)
        case 2 if attribute.type == onnx.AttributeProto.FLOAT:
            attribute.f = draw.choice((0.0, -1.0, float("nan"), float("inf"), 3e38))
        case 3:
            node.attribute.remove(attribute)
        case _ if attribute.type == onnx.AttributeProto.STRING:
            attribute.s = draw.choice((b"", b"int8", b"f32", b"gelu", b"\xff", b"x" * 5000))
        case _:
            attribute.type = draw.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13))


def _change_tensor(proto: onnx.ModelProto, draw: random.Random) -> None:
    tensor = draw.choice(proto.graph.initializer)
    entries = {entry.key: entry for entry in tensor.external_data}
    match draw.randrange(7):
        case 0 if tensor.dims:
            tensor.dims[draw.randrange(len(tensor.dims))] = draw.choice(NUMBERS)
        case 1:
            tensor.dims.append(draw.choice(NUMBERS))
        case 2:
            tensor.data_type = draw.choice((1, 2, 3, 5, 6, 7, 9, 10, 11, 16, 23, 99))
        case 3 if "location" in entries:
            entries["location"].value = draw.choice(PLACES)
        case 4 if "offset" in entries:
            entries[draw.choice(("offset", "length"))].value = str(draw.choice(NUMBERS))
        case 5:
            tensor.name = draw.choice([one.name for one in proto.graph.initializer])
        case _:
            # The lie of a careful attacker: shape and length agree, the file has less.
            rows = draw.choice([number for number in NUMBERS if number > 0])
            if tensor.dims and "length" in entries and tensor.dims[0]:
                length = int(entries["length"].value) // tensor.dims[0] * rows
                tensor.dims[0], entries["length"].value = rows, str(length)


def _change_value(proto: onnx.ModelProto, draw: random.Random) -> None:
    value = draw.choice([*proto.graph.input, *proto.graph.output])
    shape = value.type.tensor_type.shape
    match draw.randrange(4):
        case 0 if shape.dim:
            draw.choice(shape.dim).dim_value = draw.choice(NUMBERS)
        case 1:
            value.type.tensor_type.elem_type = draw.choice((1, 3, 6, 7, 10, 99))
        case 2 if shape.dim:
            del shape.dim[-1]
        case _:
            value.name = draw.choice([one.name for one in proto.graph.input])
