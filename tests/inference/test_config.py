"""What an engine is opened with when nothing is said, and what is refused."""

import pytest

from inference import EngineConfig, RequestError


def test_environment_asks_for_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """MIXLINE_PROVIDER, unless the caller says otherwise; nothing and an empty text are auto."""
    monkeypatch.delenv("MIXLINE_PROVIDER", raising=False)
    assert EngineConfig().provider == "auto"
    for value, provider in (("", "auto"), ("cpu", "cpu"), ("cuda", "cuda")):
        monkeypatch.setenv("MIXLINE_PROVIDER", value)
        assert EngineConfig().provider == provider
        assert EngineConfig(provider="cpu").provider == "cpu"


def test_unknown_provider_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing mistake does not run on something else."""
    monkeypatch.setenv("MIXLINE_PROVIDER", "gpu")

    with pytest.raises(RequestError, match="MIXLINE_PROVIDER to be auto, cpu, cuda, got 'gpu'"):
        EngineConfig()
