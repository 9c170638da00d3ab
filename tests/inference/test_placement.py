"""Where a model runs is a function of what was found: a table, and the sentences for people."""

from dataclasses import replace
from typing import Any

import pytest

from inference.errors import ProviderError
from inference.gpu import Gpu, NoGpu
from inference.placement import LEAST_SHARE, RESERVE_BYTES, CudaSizes, Findings, place

GB = 10**9
CARD = Gpu(
    name="RTX 4090",
    capability=(8, 9),
    driver_cuda=13,
    total_bytes=24 * GB,
    free_bytes=24 * GB,
)
# Like gpt-oss-20b: 12 GB of experts, 2 GB of the rest, 50 kB of keys and values for a token.
SIZES = CudaSizes(experts=12 * GB, dense=2 * GB, kv_token=50_000, context=131_072)
FOUND = Findings(
    gpu=CARD,
    sizes=SIZES,
    library="",
    architectures=("sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"),
    runtime="",
    slots=8,
)


def with_free(free_bytes: float) -> Findings:
    """A card with so much free memory."""
    return replace(FOUND, gpu=replace(CARD, free_bytes=int(free_bytes)))


def test_everything_fits() -> None:
    """All experts stay on the GPU; keys and values get half of what is left."""
    chosen = place("auto", FOUND)

    assert (chosen.provider, chosen.resident_bytes, chosen.warning) == ("cuda", 0, "")
    assert chosen.gpu == CARD
    assert chosen.reason == "all experts in the memory of RTX 4090, 24.0 GB free"
    left = 24 * GB - RESERVE_BYTES - 2 * GB - 13.2 * GB
    assert chosen.kv_budget_tokens is not None
    assert 0.5 * left < chosen.kv_budget_tokens * 50_000 < left


def test_keys_and_values_of_a_small_model_end_at_all_contexts() -> None:
    """More than every slot can hold is of no use."""
    small = replace(SIZES, experts=10**7, dense=10**7, context=2048)

    assert place("auto", replace(FOUND, sizes=small)).kv_budget_tokens == 8 * 2048


def test_a_part_of_the_experts_fits() -> None:
    """What is left beside a prompt's keys and values holds as many as it can."""
    chosen = place("auto", with_free(14 * GB))

    assert chosen.provider == "cuda"
    assert LEAST_SHARE * SIZES.experts < chosen.resident_bytes < SIZES.experts
    room = 14 * GB - RESERVE_BYTES - SIZES.dense - 4096 * SIZES.kv_token
    assert chosen.resident_bytes == pytest.approx(room / 1.1, rel=1e-6)
    assert chosen.kv_budget_tokens == 4096
    assert "% of the experts in the memory of RTX 4090" in chosen.reason


@pytest.mark.parametrize(
    ("change", "sentence", "warns"),
    [
        ({"sizes": None}, "the model has no graph for CUDA", False),
        ({"gpu": NoGpu(reason="no NVIDIA driver")}, "no NVIDIA driver", False),
        ({"library": "expected the library"}, "expected the library", True),
        ({"runtime": "expected ONNX Runtime"}, "expected ONNX Runtime", True),
        (
            {"gpu": replace(CARD, name="GTX 1660", capability=(7, 5))},
            r"built for \(sm_80, .*\), found GTX 1660 \(sm_75\)",
            True,
        ),
        (
            {"gpu": replace(CARD, free_bytes=8 * GB)},
            r"expected 11\.7 GB of free memory on RTX 4090, found 8\.0 GB",
            True,
        ),
        (
            {"gpu": replace(CARD, free_bytes=0)},
            r"expected 11\.7 GB of free memory on RTX 4090, found 0\.0 GB",
            True,
        ),
    ],
)
def test_what_is_in_the_way(change: dict[str, Any], sentence: str, warns: bool) -> None:
    """Falls back with one line, and warns only who has both a GPU and a graph for it."""
    found = replace(FOUND, **change)
    chosen = place("auto", found)

    assert chosen.provider == "cpu"
    with pytest.raises(ProviderError, match=f"cannot run on CUDA: .*{sentence}"):
        place("cuda", found)
    assert chosen.reason == chosen.warning.partition("GPU: ")[2] or not warns
    assert bool(chosen.warning) == warns
    assert "\n" not in chosen.reason


def test_first_obstacle_is_named() -> None:
    """A machine without a GPU is not told to build a library."""
    worst = replace(
        FOUND, gpu=NoGpu(reason="no driver"), library="no library", runtime="no runtime"
    )

    assert place("auto", worst).reason == "no driver"
    assert place("auto", replace(worst, gpu=CARD)).reason == "no library"


def test_cpu_asked_for_is_the_cpu() -> None:
    """Whatever there is, and without a warning."""
    chosen = place("cpu", FOUND)

    assert (chosen.provider, chosen.warning) == ("cpu", "")


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((8, 0), ("sm_80",), True),
        ((8, 9), ("sm_80", "sm_86"), True),  # machine code of the same major number
        ((8, 0), ("sm_86",), False),
        ((9, 0), ("sm_80", "sm_120"), False),
        ((10, 3), ("sm_100", "sm_120"), True),
        ((13, 0), ("sm_90", "sm_120"), True),  # PTX of the last one
        ((7, 5), ("sm_80", "sm_90"), False),
    ],
)
def test_code_for_the_card(
    capability: tuple[int, int], architectures: tuple[str, ...], runs: bool
) -> None:
    """As CUDA's rules of compatibility say."""
    found = replace(FOUND, gpu=replace(CARD, capability=capability), architectures=architectures)

    assert (place("auto", found).provider == "cuda") == runs


@pytest.mark.parametrize("free", [0, 3, 6, 9, 11, 12, 14, 16, 18, 24, 80])
def test_memory_is_never_promised_twice(free: int) -> None:
    """Reserve, the dense part, experts and keys and values together fit what is free."""
    chosen = place("auto", with_free(free * GB))
    if chosen.provider == "cpu":
        assert free <= 11
        return
    experts = (chosen.resident_bytes or SIZES.experts) * 1.1
    assert chosen.kv_budget_tokens is not None
    kv = chosen.kv_budget_tokens * SIZES.kv_token

    assert RESERVE_BYTES + SIZES.dense + experts + kv <= free * GB + 1e6
