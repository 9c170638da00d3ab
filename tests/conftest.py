"""Fixtures for all tests: a tiny checkpoint, its export, and random models of any size."""

import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import onnx
import pytest
from onnx import helper  # noqa: TID251 - a test changes a graph
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import inference.ops
from inference.model_dir import ModelDir, default_model
from onnx_export import export_checkpoint
from onnx_export.random_checkpoint import (
    make_random_model as make_model,
)
from onnx_export.random_checkpoint import (
    qwen3_moe_config,
    write_random_checkpoint,
)
from tests.gpu import usable_library
from tests.native.building import build

# Whatever else its profile is (it has one for CI): no test fails for being slow.
hypothesis.settings.register_profile("mixline", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("mixline")

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|pad|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|file_sep|>",
    "<|doc|>",
    "<|fix|>",
    "<|diag|>",
    "<|repo_name|>",
    *(f"<|reserved_{i}|>" for i in range(6)),
)
TINY_VOCAB = 600

# head_dim differs from hidden / heads, and expert_hidden is no multiple of the kernels' tiles.
TINY_SIZES: Mapping[str, int] = {
    "hidden": 64,
    "layers": 2,
    "heads": 4,
    "kv_heads": 2,
    "head_dim": 32,
    "experts": 8,
    "experts_per_token": 2,
    "expert_hidden": 40,
    "context": 4096,
}

MakeRandomModel = Callable[..., Path]

OPTIONAL = ("torch", "llama_cpp", "matplotlib")
MISSING = tuple(name for name in OPTIONAL if importlib.util.find_spec(name) is None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make sanitize` run the operators' tests on a build of its own."""
    parser.addoption("--operators", metavar="DIR", help="folder of another operator library")


def pytest_configure(config: pytest.Config) -> None:
    """Put that folder before the installed library's."""
    if folder := config.getoption("--operators"):
        inference.ops.__path__.insert(0, folder)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out, rather than skip, what needs a package or a GPU that is not here.

    .ci/run installs the packages. Stored logits of transformers stand in for the live comparison
    (test_golden.py), plain memory for a GPU's (test_cuda_operators.py).
    """
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    text = collection_path.read_text(encoding="utf-8")
    if "pytest.mark.gpu" in text and usable_library() is None:
        return True
    return any(f'importorskip("{name}")' in text for name in MISSING) or None


def pytest_report_header() -> str:
    """Say which are here."""
    found = {True: "not installed, its tests are left out", False: "installed"}
    gpu = "none, or no operators for it: its tests are left out"
    if (library := usable_library()) is not None:
        gpu = f"{library.num_devices}, operators in {library.path.parent}"
    return ", ".join([*(f"{name}: {found[name in MISSING]}" for name in OPTIONAL), f"GPU: {gpu}"])


def train_tokenizer(path: Path) -> None:
    """Write a byte-level BPE tokenizer of 600 tokens, trained on the standard library's `json`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=TINY_VOCAB,
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [Path(module).read_text("utf-8") for module in (json.__file__, json.decoder.__file__)]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))


@pytest.fixture(scope="session", autouse=True)
def _state_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what the user's own servers keep."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a real `tokenizer.json` with our special tokens at 0..15."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    train_tokenizer(path)
    return path


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Path) -> Path:
    """Folder of a Hugging Face checkpoint: config.json, model.safetensors, tokenizer.json."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    config = qwen3_moe_config(vocab=TINY_VOCAB, **TINY_SIZES)
    write_random_checkpoint(folder, config, tiny_tokenizer)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """Model directory of `tiny_checkpoint`, exported as fp32; not to be changed."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    export_checkpoint(tiny_checkpoint, folder, weights="fp32")
    return folder


@pytest.fixture(scope="session")
def make_random_model(
    tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: Path
) -> MakeRandomModel:
    """Make a model directory of random weights.

    Call it as ``make_random_model(weights="int4", hidden=1024, layers=24, ...)``: sizes that are
    not given are those of the tiny model.
    """

    def make(*, weights: str = "int4", seed: int = 0, **sizes: int) -> Path:
        folder = tmp_path_factory.mktemp("random_models") / "random"
        config = qwen3_moe_config(**{"vocab": TINY_VOCAB, **TINY_SIZES, **sizes})
        make_model(folder, config, tiny_tokenizer, weights=weights, seed=seed)
        return folder

    return make


def experts_on_cpu(graph: Path) -> Path:
    """Let our experts, which take f32 on a CPU, stand in for CUDA's in a graph; write another."""
    model = onnx.load(graph, load_external_data=False)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "ExpertFFN":
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        nodes.append(helper.make_node("Cast", [x], [f"{y}.x"], to=onnx.TensorProto.FLOAT))
        made = onnx.NodeProto()
        made.CopyFrom(node)
        made.input[0], made.output[0] = f"{y}.x", f"{y}.y"
        nodes.append(made)
        nodes.append(helper.make_node("Cast", [f"{y}.y"], [y], to=onnx.TensorProto.FLOAT16))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    path = graph.with_name("stand_in.onnx")
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="session")
def stand_in() -> Callable[[Path], Path]:
    """Make a graph for CUDA one that the CPU runs: ``stand_in(model.cuda.onnx)``."""
    return experts_on_cpu


@pytest.fixture(scope="session")
def shipped_model() -> Path:
    """Model directory that ships with the project; its absence is a failure, not a skip."""
    path = default_model()
    ModelDir.open(path)
    return path


@pytest.fixture(scope="session")
def fake_library(pytestconfig: pytest.Config) -> Path:
    """Build the CUDA operators over plain memory, with kernels that are plain loops."""
    folder: str | None = pytestconfig.getoption("--operators")  # where all targets are built
    built = Path(folder) if folder else build("native", targets=["mixline_ops_fake_gpu"])
    return built / "libmixline_ops_fake_gpu.so"


@pytest.fixture(scope="session")
def emulated_library(pytestconfig: pytest.Config) -> Path:
    """Build the CUDA operators over plain memory, with the kernels themselves, emulated."""
    if pytestconfig.getoption("--operators"):
        pytest.skip("a sanitizer does not follow from stack to stack")
    return build("native", targets=["mixline_ops_emulated_gpu"]) / "libmixline_ops_emulated_gpu.so"
