"""A model directory is opened only if files, manifest and graph agree; tried on a real export."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

from inference.errors import ModelDirectoryError
from inference.manifest import MAX_MANIFEST_BYTES, parse_manifest, serialize_manifest
from inference.model_dir import DEFAULT_MODEL, ModelDir, default_model
from inference.ops.layout import UNNAMED_LAYOUT
from onnx_export import export_checkpoint

Edit = Callable[[dict[str, Any]], object]


@pytest.fixture
def model(tmp_path: Path, tiny_model: Path) -> Path:
    """Copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def edit_manifest(model: Path, edit: Edit) -> None:
    """Change the manifest's JSON."""
    path = model / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))


def edit_graph(model: Path, edit: Callable[[onnx.ModelProto], object]) -> None:
    """Change the graph, and its size in the manifest, as a careful attacker would."""
    path = model / "model.onnx"
    proto = onnx.load(path, load_external_data=False)
    edit(proto)
    path.write_bytes(proto.SerializeToString())
    size = path.stat().st_size
    edit_manifest(model, lambda m: m["files"]["model.onnx"].update(bytes=size))


def first(proto: onnx.ModelProto, op_type: str) -> onnx.NodeProto:
    """Return the first operator of a kind."""
    return next(node for node in proto.graph.node if node.op_type == op_type)


def external(proto: onnx.ModelProto, key: str) -> onnx.StringStringEntryProto:
    """Return an entry of the first tensor that is stored outside the graph."""
    tensor = next(t for t in proto.graph.initializer if t.external_data)
    return next(entry for entry in tensor.external_data if entry.key == key)


def refusal(model: Path, **options: bool) -> str:
    """Return what opening the model is refused with; one line for the user."""
    with pytest.raises(ModelDirectoryError) as caught:
        ModelDir.open(model, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_export_opens(tiny_model: Path) -> None:
    """What the exporter writes passes all checks, digests included."""
    model = ModelDir.open(tiny_model, verify=True)

    assert model.graphs == {"cpu": tiny_model / "model.onnx"}
    assert model.tokenizer == tiny_model / "tokenizer.json"
    assert model.manifest.architecture.experts == 8
    assert model.manifest.fim.style == "spm"
    assert parse_manifest(serialize_manifest(model.manifest), "x") == model.manifest


def test_path_that_is_no_directory(tmp_path: Path, tiny_model: Path) -> None:
    """Nothing, a file, and a folder without manifest each say what was found."""
    assert "found nothing" in refusal(tmp_path / "absent")
    assert "found a file" in refusal(tiny_model / "model.onnx")
    assert "manifest.json: cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "weights.bin", "tokenizer.json"])
def test_missing_or_cut_file(model: Path, name: str) -> None:
    """A file that is shorter than the manifest says, or absent, is named."""
    with (model / name).open("r+b") as file:
        file.truncate(100)
    assert "found 100; export or download" in refusal(model)

    (model / name).unlink()
    assert f"{name}: expected a file, found none" in refusal(model)


def test_changed_bytes_are_found_when_verifying(model: Path) -> None:
    """A flipped byte leaves the size alone; only the digest shows it."""
    data = bytearray((model / "weights.bin").read_bytes())
    data[5] ^= 1
    (model / "weights.bin").write_bytes(data)

    ModelDir.open(model)
    assert "expected SHA-256" in refusal(model, verify=True)


def test_link_out_of_the_directory(model: Path, tmp_path: Path) -> None:
    """A link to a file elsewhere is refused, also one of the right size; so is a folder."""
    shutil.move(model / "weights.bin", tmp_path / "weights.bin")
    (model / "weights.bin").symlink_to(tmp_path / "weights.bin")
    assert "found a link to" in refusal(model)

    (model / "weights.bin").unlink()
    (model / "weights.bin").symlink_to("weights.bin")
    assert "weights.bin: expected a file" in refusal(model)

    (model / "weights.bin").unlink()
    (model / "weights.bin").mkdir()
    assert "expected a plain file" in refusal(model)


def test_fifo_does_not_hang(model: Path) -> None:
    """A pipe in the place of a file is refused without being read."""
    (model / "weights.bin").unlink()
    os.mkfifo(model / "weights.bin")
    assert "expected a plain file" in refusal(model)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"[]", "expected a JSON object"),
        (b'{"format_version": 1e400}', "found inf"),
        (b'{"format_version": NaN}', "NaN is no JSON number"),
        (b'{"format_version": ' + b"9" * 5000 + b"}", "expected JSON"),
        (b"\xff\xfe{}", "expected JSON"),
        (b" " * (MAX_MANIFEST_BYTES + 1), "at most"),
    ],
)
def test_manifest_that_is_no_json(model: Path, data: bytes, message: str) -> None:
    """Whatever the bytes are, the answer is an error of ours."""
    (model / "manifest.json").write_bytes(data)
    assert message in refusal(model)


def test_packed_experts_in_the_first_order_are_refused(model: Path) -> None:
    """Manifests did not name it then; f32 experts are the same in every order."""
    path = model / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["quantization"]["layout"]
    path.write_text(json.dumps(manifest))
    assert ModelDir.open(model).manifest.quantization.experts == "f32"

    manifest["quantization"]["experts"] = "int4"
    path.write_text(json.dumps(manifest))

    assert "quantization.layout to be 2" in (message := refusal(model))
    assert "(export the model again), found 1" in message


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: m.update(format_version=2), "expected format_version 1, found 2; update"),
        (lambda m: m.update(format_version=0), "expected format_version 1, found 0; export"),
        (lambda m: m.pop("architecture"), "architecture to be an object, found nothing"),
        (lambda m: m["architecture"].pop("hidden"), "architecture.hidden to be a whole number"),
        (lambda m: m["architecture"].update(hidden=True), "architecture.hidden"),
        (lambda m: m["architecture"].update(layers=2**60), "architecture.layers"),
        (lambda m: m["architecture"].update(kv_heads=3), "architecture.kv_heads to be a divisor"),
        (lambda m: m["architecture"].update(experts_per_token=9), "at most the 8 experts"),
        (lambda m: m["architecture"].update(norm_eps=0), "architecture.norm_eps"),
        (lambda m: m["architecture"].update(norm_topk=1), "true or false"),
        (lambda m: m["quantization"].update(block=31), "quantization.block"),
        (
            lambda m: m["quantization"].update(experts="int4", layout=3),
            "layout to be 2, the order that the kernels read (update mixline), found 3",
        ),
        (lambda m: m["quantization"].update(experts="int3"), "one of f32, int8, int4"),
        (lambda m: m["fim"].update(prefix=600), "fim.prefix to be a whole number from 0 to 599"),
        (lambda m: m["fim"].update(middle=None), "as the style is spm"),
        (lambda m: m.update(stop_ids=[0, -1]), "stop_ids"),
        (lambda m: m.update(stop_ids=0), "stop_ids to be a list"),
        (lambda m: m.update(tasks=["cook"]), "tasks to be one of completion"),
        (lambda m: m.update(name="\ud800"), "name to be a text"),
        (lambda m: m.update(graphs={}), "expected a graph, found none"),
        (lambda m: m.update(graphs={"cpu": "../model.onnx"}), "'../model.onnx' under `files`"),
        (lambda m: m["files"].pop("tokenizer.json"), "'tokenizer.json' under `files`"),
        (lambda m: m["files"].update({"../x": {"bytes": 1, "sha256": "0" * 64}}), "'../x'"),
        (lambda m: m["files"].update({"a\\b": {"bytes": 1, "sha256": "0" * 64}}), "files in the"),
        (lambda m: m["files"].update({"..": {"bytes": 1, "sha256": "0" * 64}}), "'..'"),
        (lambda m: m["files"]["weights.bin"].update(sha256="F" * 64), "64 hexadecimal digits"),
        (lambda m: m["files"]["weights.bin"].update(bytes=-1), "weights.bin.bytes"),
    ],
)
def test_manifest_with_a_wrong_value(model: Path, edit: Edit, message: str) -> None:
    """The error names the place, what is expected there, and what was found."""
    edit_manifest(model, edit)
    assert message in refusal(model)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"vocab": 599}, "'logits' to be float32 ['m', 599], found float32 ['m', 600]"),
        ({"layers": 1}, "not expected ['past_1_key', 'past_1_value']"),
        ({"layers": 3}, "missing ['past_2_key', 'past_2_value']"),
        ({"head_dim": 64}, "'past_0_key'"),
        ({"kv_heads": 4}, "'past_0_key'"),
        ({"heads": 8}, "expected num_heads 8"),
        ({"experts": 16}, "expected weights uint8 [16,"),
        ({"experts_per_token": 1}, "expected k 1 of mixline.ExpertRouter"),
        ({"expert_hidden": 41}, "expected expert_hidden 41"),
        ({"hidden": 65}, "expected weights uint8"),
        ({"context": 8192}, "expected angles of 8192 positions and at most 16 pairs"),
    ],
)
def test_graph_of_other_sizes(model: Path, sizes: dict[str, int], message: str) -> None:
    """Each size of the manifest is compared with the graph."""
    edit_manifest(model, lambda m: m["architecture"].update(sizes))
    assert message in refusal(model)


@pytest.mark.parametrize(
    "location",
    ["../secret", "/etc/passwd", "..", ".", "", "a/b", "c:\\x", "other.bin", "weights.bin\0"],
)
def test_weights_outside_the_directory(model: Path, location: str) -> None:
    """External data may stand in the directory's own files only."""
    edit_graph(model, lambda proto: setattr(external(proto, "location"), "value", location))
    assert "in a file of the directory" in refusal(model)


@pytest.mark.parametrize("offset", ["99999999", "-1", "1e3", "٣", "9" * 40, ""])
def test_weights_at_an_impossible_offset(model: Path, offset: str) -> None:
    """Offsets beyond the file, and what is no number, are refused before anything is mapped."""
    edit_graph(model, lambda proto: setattr(external(proto, "offset"), "value", offset))
    message = refusal(model)
    assert "within the" in message or "the offset" in message


def test_weights_that_claim_another_length(model: Path) -> None:
    """Shape and length of a tensor must agree."""
    edit_graph(model, lambda proto: setattr(external(proto, "length"), "value", "64"))
    assert "64 bytes of external data" in refusal(model)


def set_domain(node: onnx.NodeProto, domain: str, op_type: str) -> None:
    """Call another operator."""
    node.domain, node.op_type = domain, op_type


@pytest.mark.parametrize(
    ("domain", "op_type"),
    [
        ("", "Loop"),
        ("", "ConstantOfShape"),
        ("evil", "Gather"),
        ("com.microsoft", "QMoE"),
        ("mixline", "ExpertRouter2"),
        ("com.microsoft", "ExpertFFN"),
    ],
)
def test_unknown_operator(model: Path, domain: str, op_type: str) -> None:
    """Operators that the exporter never writes are refused by name."""
    edit_graph(model, lambda proto: set_domain(first(proto, "Gather"), domain, op_type))
    assert f"{domain}.{op_type} 'embedding'".lstrip(".") in refusal(model)


@pytest.mark.parametrize("op_type", ["ExpertRouter", "ExpertFFN", "CachedAttention"])
def test_one_operator_per_layer(model: Path, op_type: str) -> None:
    """A layer without its router, experts or attention contradicts the manifest."""

    def remove(proto: onnx.ModelProto) -> None:
        proto.graph.node.remove(first(proto, op_type))

    edit_graph(model, remove)
    assert f"expected 2 operators {op_type}, found 1" in refusal(model)


def test_expert_weights_of_another_size(model: Path) -> None:
    """The experts' bytes must be those of the packed layout."""

    def shrink(proto: onnx.ModelProto) -> None:
        tensor = next(t for t in proto.graph.initializer if t.name == "layers.0.moe.down")
        tensor.dims[0] -= 1
        length = next(entry for entry in tensor.external_data if entry.key == "length")
        length.value = str(tensor.dims[0] * tensor.dims[1])

    edit_graph(model, shrink)
    assert "at input 4 of mixline.ExpertFFN" in refusal(model)


def test_experts_packed_in_another_order_than_the_manifest_says(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """The exporter names the layout in both; a graph without the name is of the second one."""
    model = tmp_path / "model"
    export_checkpoint(tiny_checkpoint, model, weights="int4")

    def layout(proto: onnx.ModelProto) -> onnx.AttributeProto:
        return next(a for a in first(proto, "ExpertFFN").attribute if a.name == "layout")

    edit_graph(model, lambda proto: setattr(layout(proto), "i", layout(proto).i + 1))
    assert "expected layout 2 of mixline.ExpertFFN 'layers.0.moe.experts', found 3" in refusal(
        model
    )

    edit_graph(model, lambda proto: first(proto, "ExpertFFN").attribute.remove(layout(proto)))
    assert ModelDir.open(model).manifest.quantization.layout == UNNAMED_LAYOUT


@pytest.mark.parametrize("op_type", ["GroupQueryAttention", "MatMulNBits"])
def test_optional_inputs(tmp_path: Path, tiny_checkpoint: Path, op_type: str) -> None:
    """Group indices or position ids from a file could point anywhere."""
    model = tmp_path / "model"
    export_checkpoint(tiny_checkpoint, model, weights="int4", attention="group_query")
    edit_graph(model, lambda proto: first(proto, op_type).input.append("positions.n"))
    assert f"inputs of com.microsoft.{op_type}" in refusal(model)


def test_fixed_number_of_tokens(model: Path) -> None:
    """A graph that takes one prompt length only would fail later."""

    def fix(proto: onnx.ModelProto) -> None:
        ids = next(value for value in proto.graph.input if value.name == "input_ids")
        ids.type.tensor_type.shape.dim[1].dim_value = 7

    edit_graph(model, fix)
    assert "'input_ids' to be int64 [1, 'n'], found int64 [1, 7]" in refusal(model)


def test_input_that_is_also_a_weight(model: Path) -> None:
    """An initialiser of an input's name would stand in for it silently."""

    def shadow(proto: onnx.ModelProto) -> None:
        tensor = onnx.TensorProto(name="effort", data_type=1, raw_data=b"\0\0\0\0")
        proto.graph.initializer.append(tensor)

    edit_graph(model, shadow)
    assert "'effort' to be no weight" in refusal(model)


def test_default_model_is_the_variable_then_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    """MIXLINE_MODEL wins; without it the shipped model is found beside the package."""
    monkeypatch.setenv("MIXLINE_MODEL", str(tiny_model))
    assert default_model() == tiny_model

    monkeypatch.delenv("MIXLINE_MODEL")
    assert default_model().name == DEFAULT_MODEL


def test_default_model_that_is_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing is shipped, the error says where it was looked for."""
    monkeypatch.delenv("MIXLINE_MODEL", raising=False)
    monkeypatch.setattr("inference.model_dir.__file__", str(tmp_path / "inference" / "x.py"))

    with pytest.raises(ModelDirectoryError, match=f"models/{DEFAULT_MODEL}") as caught:
        default_model()
    assert "--model or MIXLINE_MODEL" in str(caught.value)
