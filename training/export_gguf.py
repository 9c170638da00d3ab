"""Writes a model as one GGUF file, which llama.cpp loads as architecture `qwen3moe`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType

from inference.errors import MixlineError
from inference.manifest import MANIFEST_NAME, Manifest
from inference.model_dir import ModelDir
from onnx_export import export_checkpoint, read_weights
from training.errors import CheckpointError
from training.gguf_blocks import GgufWeights, store_matrix
from training.gguf_tensors import EMBEDDINGS, check_shape, is_exact, tensors
from training.gguf_tokenizer import GgufVocabulary, read_vocabulary

ARCHITECTURE: Final = "qwen3moe"
QUANTIZATION_VERSION: Final = 2  # of llama.cpp's block formats
_FILE_TYPES: Final = {
    "f32": LlamaFileType.ALL_F32,
    "f16": LlamaFileType.MOSTLY_F16,
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q4_0": LlamaFileType.MOSTLY_Q4_0,
}


def export_gguf(source: Path, out: Path, *, weights: GgufWeights = "f32") -> None:
    """Write ``source`` to the file ``out``, which appears only when complete.

    Args:
        source: a Hugging Face checkpoint of the family `qwen3_moe`, or a model directory of
            Mixline, whose weights are read back as they are stored.
        out: the file; replaced if it exists.
        weights: of the matrices. Norms and routers stay f32; with q4_0 the embedding becomes q8_0,
            as in a model directory of int4.

    Raises:
        CheckpointError: the source is neither, is damaged, or llama.cpp would compute another
            function than it means; or ``out`` cannot be written.
    """
    try:
        if (source / MANIFEST_NAME).is_file():
            _write_model(ModelDir.open(source), source, out, weights)
            return
        # The exporter knows the format, its variants and what to refuse; f32 changes no value.
        with TemporaryDirectory(prefix="mixline-gguf-") as folder:
            plain = Path(folder) / source.resolve().name
            export_checkpoint(source, plain, weights="fp32")
            _write_model(ModelDir.open(plain), source, out, weights)
    except MixlineError as error:
        raise CheckpointError(str(error)) from error
    except OSError as error:
        raise CheckpointError(f"{out}: cannot be written ({error.strerror})") from error


def _write_model(model: ModelDir, source: Path, out: Path, weights: GgufWeights) -> None:
    decoder, sizes = read_weights(model), model.manifest.architecture
    check_shape(sizes, decoder, str(source))
    vocabulary = read_vocabulary(model.tokenizer, sizes.vocab)
    partial = out.with_name(out.name + ".partial")
    writer = GGUFWriter(partial, ARCHITECTURE)
    _add_shape(writer, model.manifest, weights)
    _add_tokenizer(writer, model.manifest, vocabulary)
    for name, values in tensors(sizes, decoder):
        chosen: GgufWeights = "f32" if is_exact(name) else weights
        if chosen == "q4_0" and name in EMBEDDINGS:
            chosen = "q8_0"
        array, kind = store_matrix(np.ascontiguousarray(values), chosen)
        is_float = kind in {GGMLQuantizationType.F32, GGMLQuantizationType.F16}
        writer.add_tensor(name, array, raw_dtype=None if is_float else kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _add_shape(writer: GGUFWriter, manifest: Manifest, weights: GgufWeights) -> None:
    sizes = manifest.architecture
    writer.add_name(manifest.name)
    writer.add_license(manifest.licence)
    writer.add_file_type(_FILE_TYPES[weights])
    if weights in {"q8_0", "q4_0"}:
        writer.add_quantization_version(QUANTIZATION_VERSION)
    writer.add_vocab_size(sizes.vocab)
    writer.add_context_length(sizes.context)
    writer.add_embedding_length(sizes.hidden)
    writer.add_block_count(sizes.layers)
    writer.add_feed_forward_length(sizes.expert_hidden * sizes.experts_per_token)
    writer.add_head_count(sizes.heads)
    writer.add_head_count_kv(sizes.kv_heads)
    writer.add_key_length(sizes.head_dim)
    writer.add_value_length(sizes.head_dim)
    writer.add_rope_dimension_count(sizes.head_dim)
    writer.add_rope_freq_base(sizes.rope_theta)
    writer.add_layer_norm_rms_eps(sizes.norm_eps)
    writer.add_expert_count(sizes.experts)
    writer.add_expert_used_count(sizes.experts_per_token)
    writer.add_expert_feed_forward_length(sizes.expert_hidden)
    writer.add_expert_weights_norm(value=True)


def _add_tokenizer(writer: GGUFWriter, manifest: Manifest, vocabulary: GgufVocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    writer.add_token_merges(vocabulary.merges)
    writer.add_add_bos_token(value=False)
    writer.add_add_eos_token(value=False)
    writer.add_add_space_prefix(value=False)
    if vocabulary.end is not None:
        writer.add_eos_token_id(vocabulary.end)
        writer.add_eot_token_id(vocabulary.end)
    fim = manifest.fim
    if fim.pad is not None:
        writer.add_pad_token_id(fim.pad)
    markers = {"pre": fim.prefix, "suf": fim.suffix, "mid": fim.middle, "sep": fim.file_sep}
    for name, token in markers.items():
        if token is not None:
            writer.add_uint32(f"tokenizer.ggml.fim_{name}_token_id", token)
