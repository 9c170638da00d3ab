"""Shares of the experts: the arithmetic, what is read, and a real model's counts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.experts import count_choices, heat_map, pieces, report_of, table
from evaluation.repositories import read_repositories
from inference.errors import ModelDirectoryError
from inference.ops import library
from inference.scoring import Scorer

MakeRepositories = Callable[[dict[str, str]], Path]


def test_shares_entropy_and_unused_experts() -> None:
    """Even counts are shares of 1; 4, 0, 0, 0 is one expert with four times its share."""
    report = report_of(
        {"even": (5, 5, 5, 5), "one": (4, 0, 0, 0), "two": (2, 2, 0, 0)}, files=1, tokens=10
    )
    even, one, two = report.layers

    assert (even.min_share, even.max_share, even.entropy, even.unused) == (1.0, 1.0, 1.0, ())
    assert (one.min_share, one.max_share, one.entropy, one.unused) == (0.0, 4.0, 0.0, (1, 2, 3))
    assert (two.max_share, two.entropy) == (2.0, 0.5)
    assert (report.min_share, report.max_share) == (0.0, 4.0)
    assert [(o.layer, o.expert, o.share) for o in report.outside] == [
        *[(1, 0, 4.0), (1, 1, 0.0), (1, 2, 0.0), (1, 3, 0.0)],
        *[(2, 2, 0.0), (2, 3, 0.0)],
    ]


@pytest.mark.parametrize(("low", "inside"), [(20, True), (19, False)])
def test_the_limits_themselves_are_inside(low: int, inside: bool) -> None:
    """20 % of the fair share is enough, less is told with layer, expert and share."""
    report = report_of({"r": (low, 200 - low)}, files=1, tokens=200)
    told = table(report_of({"r": (low, 100, 100, 180 - (low - 20))}, files=1, tokens=400))

    assert (report.min_share >= 0.2) is inside
    assert ("every expert of every layer gets 20% to 300%" in told) is inside
    assert ("layer 0 expert 0 (19%)" in told) is not inside


def test_files_take_turns_with_their_pieces(
    tiny_model: Path, make_repositories: MakeRepositories
) -> None:
    """Every token of every file is in one piece; long files come again when all had a turn."""
    scorer = Scorer.open(tiny_model, threads=1)
    long = "value = 1\n" * 3000
    folder = make_repositories({"a/a.py": long, "a/b.py": "x = 1\n"})
    files = read_repositories(folder)[0].files
    found = list(pieces(scorer, files))

    assert [file.path for file, _ in found[:3]] == ["a.py", "b.py", "a.py"]
    assert all(ids[0] == scorer.start_id and len(ids) <= 4096 for _, ids in found)
    again = [token for file, ids in found if file.path == "a.py" for token in ids[1:]]
    assert again == scorer.tokenizer.encode(long)


def test_a_model_is_counted(tiny_model: Path, make_repositories: MakeRepositories) -> None:
    """K choices for each token in each layer, off again afterwards; the picture shows them all."""
    folder = make_repositories({"a/a.py": "import json\n", "b/b.py": "y = 2\n" * 90})
    report = count_choices(tiny_model, read_repositories(folder), tokens=100, threads=2)
    picture = heat_map(report)

    assert (report.tokens, report.files) == (100, 2)
    assert [layer.name for layer in report.layers] == ["layers.0.moe.router", "layers.1.moe.router"]
    assert [sum(layer.counts) for layer in report.layers] == [200, 200]
    assert picture.values.shape == (2, 8)
    np.testing.assert_allclose(picture.values.mean(axis=1), 1.0)
    Scorer.open(tiny_model, threads=1).nats([0, 20, 21], 1)
    assert sum(library.expert_counts()["layers.0.moe.router"]) == 200


def test_few_tokens_are_all_read(tiny_model: Path, make_repositories: MakeRepositories) -> None:
    """A limit above what there is changes nothing."""
    scorer = Scorer.open(tiny_model, threads=1)
    repositories = read_repositories(make_repositories({"a/a.py": "import json\n"}))
    report = count_choices(tiny_model, repositories, tokens=10_000, threads=2)

    assert report.tokens == len(scorer.tokenizer.encode("import json\n"))


def test_a_model_without_routers_is_refused(
    tiny_model: Path, make_repositories: MakeRepositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says what was looked for."""
    monkeypatch.setattr("evaluation.experts.expert_counts", dict)
    repositories = read_repositories(make_repositories({"a/a.py": "import json\n"}))

    with pytest.raises(ModelDirectoryError, match="ExpertRouter nodes, found none"):
        count_choices(tiny_model, repositories, tokens=10, threads=1)
