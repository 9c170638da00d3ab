"""Write a fine-tuned model directory: the base's weights, shared, and a graph with adapters."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import onnx

from inference.manifest import TOKENIZER_NAME, Manifest
from inference.model_dir import ModelDir, write_manifest
from onnx_export.decoder_weights import TunedWeights
from onnx_export.graph.adapters import put_tuned
from onnx_export.graph.builder import tensor_values
from onnx_export.graph.cuda import cuda_graph, stored_copies
from onnx_export.read_back import GRAPH_PROVIDER
from onnx_export.write import WeightFile, file_entry, new_directory

ADAPTERS_NAME: Final = "adapters.bin"


def write_adapted(
    base: ModelDir,
    out: Path,
    tuned: TunedWeights,
    *,
    produced_by: str,
    check: Callable[[Path], None] = lambda _path: None,
) -> Manifest:
    """Write ``base`` with other tuned weights; the directory appears only when complete.

    Args:
        base: the model that was fine-tuned, of a family that `read_weights` knows.
        out: the directory to make; must not exist.
        tuned: all weights that replace the base's.
        produced_by: what the manifest says about the making, at most 200 characters.
        check: called with the finished directory before it gets its name; what it raises stops all.

    Returns:
        The new manifest.

    Raises:
        ExportError: ``out`` exists or cannot be written.
    """
    with new_directory(out) as partial:
        model = onnx.load(base.graphs[GRAPH_PROVIDER], load_external_data=False)
        adapters = partial / ADAPTERS_NAME
        models = {GRAPH_PROVIDER: model}
        with WeightFile(adapters) as weights:
            added = put_tuned(model, tuned, weights, ADAPTERS_NAME)
            if "cuda" in base.graphs:
                models["cuda"] = _for_cuda(base, model, partial, weights)
            entry = weights.close()
        graphs = {provider: base.manifest.graphs[provider] for provider in models}
        files = {}
        for provider, name in graphs.items():
            (partial / name).write_bytes(models[provider].SerializeToString(deterministic=True))
            files[name] = file_entry(partial / name)
        if entry.bytes:
            files[ADAPTERS_NAME] = entry
        else:
            adapters.unlink()
        shutil.copyfile(base.tokenizer, partial / TOKENIZER_NAME)
        files[TOKENIZER_NAME] = base.manifest.files[TOKENIZER_NAME]
        for name in set.union(*map(_places, models.values())) - set(files):
            share(base.path / name, partial / name)
            files[name] = base.manifest.files[name]
        sizes = base.manifest.architecture
        manifest = dataclasses.replace(
            base.manifest,
            name=out.name,
            graphs=graphs,
            architecture=dataclasses.replace(
                sizes,
                total_parameters=sizes.total_parameters + added,
                active_parameters=sizes.active_parameters + added,
            ),
            files=files,
            produced_by=produced_by,
        )
        write_manifest(partial, manifest)
        ModelDir.open(partial)
        check(partial)
    return manifest


def _for_cuda(
    base: ModelDir, model: onnx.ModelProto, folder: Path, weights: WeightFile
) -> onnx.ModelProto:
    """Convert the adapted graph; of the base's fp16 copies those count that are not tuned."""
    before, made = (
        onnx.load(base.graphs[provider], load_external_data=False)
        for provider in (GRAPH_PROVIDER, "cuda")
    )
    copies = stored_copies(made, before, model)
    weights.flush()
    return cuda_graph(
        model,
        lambda tensor: tensor_values(
            tensor, folder if _place(tensor) == ADAPTERS_NAME else base.path
        ),
        weights,
        ADAPTERS_NAME,
        {name: copy for name, copy in copies.items() if _place(copy) != ADAPTERS_NAME},
    )


def share(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be: another device, or no right to.

    Raises:
        OSError: it cannot be copied either.
    """
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _places(model: onnx.ModelProto) -> set[str]:
    """Return the files that hold data of the graph."""
    return {_place(tensor) for tensor in model.graph.initializer} - {""}


def _place(tensor: onnx.TensorProto) -> str:
    """Return the file that holds a tensor's data, "" if the graph does."""
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
