"""Files are read and written as the safetensors package does it; damage is named."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from onnx_export.errors import CheckpointError
from onnx_export.safetensors_file import open_safetensors, write_safetensors


def refusal(path: Path) -> str:
    """Return what opening a file is refused with."""
    with pytest.raises(CheckpointError) as caught:
        open_safetensors(path)
    return str(caught.value)


def write_raw(path: Path, header: object, data: bytes = b"") -> Path:
    """Write a file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_file_of_the_safetensors_package_is_read(tmp_path: Path) -> None:
    """Several tensors, f32 and f16, a scalar and an empty one."""
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.array([0.1, -65504], np.float16),
        "c": np.array(3.5, np.float32),
        "d": np.zeros((0, 4), np.float32),
    }
    save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})

    found = open_safetensors(tmp_path / "x.safetensors")

    assert set(found) == set(tensors)
    for name, values in tensors.items():
        assert found[name].shape == values.shape
        assert found[name].read().dtype == np.float32
        np.testing.assert_array_equal(found[name].read(), values.astype(np.float32))


def test_written_file_is_read_by_the_safetensors_package(tmp_path: Path) -> None:
    """Our writer keeps the format."""
    values = np.random.default_rng(0).standard_normal((3, 5), dtype=np.float32)
    write_safetensors(
        tmp_path / "x.safetensors", {"a": (3, 5), "b": (5,)}, iter([values, values[0]])
    )

    found = load_file(tmp_path / "x.safetensors")

    np.testing.assert_array_equal(found["a"], values)
    np.testing.assert_array_equal(found["b"], values[0])


@pytest.mark.parametrize(("dtype", "epsilon"), [("BF16", 2**-8), ("F16", 2**-11)])
def test_half_precision_is_rounded_to_nearest(tmp_path: Path, dtype: str, epsilon: float) -> None:
    """Written once rounded, read back exactly; bf16 ties go to even."""
    values = np.random.default_rng(0).standard_normal(1000, dtype=np.float32)
    values[:2] = [1 + 2**-8, 1 + 3 * 2**-8]
    write_safetensors(tmp_path / "x.safetensors", {"a": (1000,)}, iter([values]), dtype)

    found = open_safetensors(tmp_path / "x.safetensors")["a"].read()

    assert np.all(np.abs(found - values) <= np.abs(values) * epsilon)
    if dtype == "BF16":
        np.testing.assert_array_equal(found[:2], [1, 1 + 2**-6])


def test_file_that_is_cut_off(tmp_path: Path) -> None:
    """A download that broke off: in the data, in the header, in the length."""
    path = tmp_path / "x.safetensors"
    save_file({"a": np.ones(100, np.float32)}, path)
    whole = path.read_bytes()

    path.write_bytes(whole[:-1])
    assert "within the file's 399 bytes of data" in refusal(path)
    path.write_bytes(whole[:20])
    assert "cut off" in refusal(path)
    path.write_bytes(whole[:3])
    assert "cut off" in refusal(path)
    path.write_bytes(b"")
    assert "found 0 bytes" in refusal(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"not json", "expected JSON"),
        (b"[]", "expected a JSON object"),
        (b"[" * 100_000, "expected JSON"),
        ({"a": 5}, "to be an object"),
        ({"a": {"dtype": "I4", "shape": [1], "data_offsets": [0, 4]}}, "one of F32, F16, BF16"),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, "begin and end of 8 bytes"),
        ({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, "a.shape"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, "data_offsets"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, "data_offsets"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, "within the file's 4"),
        (
            {"a": {"dtype": "F32", "shape": [2**39, 2**39], "data_offsets": [0, 4]}},
            "data_offsets",
        ),
    ],
)
def test_header_that_lies(tmp_path: Path, header: object, message: str) -> None:
    """Nothing that a header claims is believed before it fits the file."""
    assert message in refusal(write_raw(tmp_path / "x.safetensors", header, b"\0" * 4))


def test_header_longer_than_the_file(tmp_path: Path) -> None:
    """A length of exabytes allocates nothing."""
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    assert "header would take 9223372036854775808" in refusal(tmp_path / "x.safetensors")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weight_that_is_no_number(tmp_path: Path, value: float) -> None:
    """NaN and infinities are counted and the tensor is named."""
    save_file({"a.b": np.array([1, value, value], np.float32)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match=r"finite numbers in a\.b, found 2"):
        open_safetensors(tmp_path / "x.safetensors")["a.b"].read()


@given(data=st.binary(max_size=300))
def test_random_bytes_give_an_error_of_ours(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever stands in the file."""
    path = tmp_path_factory.mktemp("random") / "x.safetensors"
    write_raw(path, data)
    if data != b"{}":
        assert str(path) in refusal(path)
