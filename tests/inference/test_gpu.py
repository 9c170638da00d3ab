"""Asking NVIDIA's driver, against a driver of our own: what it says, and how it can fail."""

import subprocess
from pathlib import Path

import pytest

from inference.gpu import Gpu, NoGpu, find_gpu

DRIVER = r"""
#include <cstddef>
#include <cstdlib>
#include <cstring>
static int set(const char* name, int fallback) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : fallback;
}
static int pushed = 0, retained = 0;
extern "C" {
int cuInit(unsigned flags) { return flags == 0 ? set("FAKE_INIT", 0) : 1; }
int cuDeviceGetCount(int* count) { *count = set("FAKE_COUNT", 1); return 0; }
int cuDeviceGet(int* device, int index) { *device = 40 + index; return 0; }
int cuDriverGetVersion(int* version) { *version = 13010; return 0; }
int cuDeviceGetName(char* name, int size, int device) {
  std::strncpy(name, device == 40 ? "Fake RTX" : "another", size);
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 75 ? 8 : attribute == 76 ? 9 : -1;
  return device == 40 ? 0 : 101;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int device) {
  *bytes = std::size_t{24} << 30;
  return device == 40 ? 0 : 101;
}
int cuDeviceGetPCIBusId(char* id, int size, int) {
  std::strncpy(id, "0000:0A:00.0", size);
  return 0;
}
int cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = &retained;
  return device == 40 ? (++retained, 0) : 101;
}
int cuCtxPushCurrent_v2(void* context) { return context == &retained ? (++pushed, 0) : 201; }
int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  *free = std::size_t{5} << 30;
  *total = std::size_t{24} << 30;
  return pushed ? 0 : 201;
}
int cuCtxPopCurrent_v2(void** context) { *context = &retained; --pushed; return 0; }
int cuDevicePrimaryCtxRelease_v2(int) { return --retained ? 1 : 0; }
}
"""

MANAGEMENT = r"""
#include <cstdlib>
#include <cstring>
static bool open = false;
struct Memory { unsigned long long total, free, used; };
extern "C" {
int nvmlInit_v2() { open = !std::getenv("FAKE_NO_MANAGEMENT"); return open ? 0 : 999; }
int nvmlShutdown() { open = false; return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** handle) {
  *handle = &open;
  return open && !std::strcmp(id, "0000:0A:00.0") ? 0 : 2;
}
int nvmlDeviceGetMemoryInfo(void* handle, Memory* memory) {
  const char* free = std::getenv("FAKE_FREE_GB");
  memory->total = 80ull << 30;
  memory->free = (free ? std::atoll(free) : 20ll) << 30;
  memory->used = memory->total - memory->free;
  return handle == &open ? 0 : 2;
}
}
"""


def compiled(source: str, path: Path) -> str:
    """Build a shared library."""
    file = path.with_suffix(".cc")
    file.write_text(source, encoding="utf-8")
    command = ["c++", "-shared", "-fPIC", "-o", path, file]
    subprocess.run(command, check=True)
    return str(path)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A libcuda with one GPU."""
    return compiled(DRIVER, tmp_path_factory.mktemp("driver") / "libcuda.so")


@pytest.fixture(scope="module")
def management(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An NVML that knows the GPU by its place on the bus."""
    return compiled(MANAGEMENT, tmp_path_factory.mktemp("management") / "libnvidia-ml.so")


def test_a_gpu_is_described(driver: str, management: str) -> None:
    """Name, generation, driver, and NVML's free memory."""
    assert find_gpu(driver, management) == Gpu(
        name="Fake RTX",
        capability=(8, 9),
        driver_cuda=13,
        total_bytes=24 << 30,
        free_bytes=20 << 30,
    )


def test_a_part_of_a_gpu_has_no_more_free_than_it_has(
    driver: str, management: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVML answers for the whole card, of which CUDA may see a part."""
    monkeypatch.setenv("FAKE_FREE_GB", "70")
    found = find_gpu(driver, management)

    assert isinstance(found, Gpu)
    assert found.free_bytes == found.total_bytes


@pytest.mark.parametrize("how", ["absent", "refuses"])
def test_without_nvml_a_context_tells(
    how: str, driver: str, management: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that has the driver's compute part only; the context is given back."""
    monkeypatch.setenv("FAKE_NO_MANAGEMENT", "1")
    for _ in range(2):
        found = find_gpu(driver, "libnowhere.so" if how == "absent" else management)
        assert isinstance(found, Gpu)
        assert found.free_bytes == 5 << 30


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("FAKE_INIT", "100", "cuInit failed with 100"),
        ("FAKE_COUNT", "0", "it counts 0"),
    ],
)
def test_a_driver_without_a_gpu(
    variable: str,
    value: str,
    reason: str,
    driver: str,
    management: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One clause that says what the driver answered."""
    monkeypatch.setenv(variable, value)

    assert find_gpu(driver, management) == NoGpu(
        reason=f"the NVIDIA driver gives no GPU ({reason})"
    )


def test_no_driver() -> None:
    """Most machines: the library is simply not there."""
    assert find_gpu("libnowhere.so.1") == NoGpu(
        reason="no NVIDIA driver (libnowhere.so.1 is not installed)"
    )


def test_another_library_under_the_drivers_name(management: str) -> None:
    """A function that it lacks is named."""
    found = find_gpu(management, management)

    assert isinstance(found, NoGpu)
    assert "has no cuInit" in found.reason
