"""Imports: which module's names a request is told, and where."""

import pytest

from inference import CompletionRequest, Reference, WorkspaceIndex
from lsp_server.syntax.imports import module_names, with_imported_names

FILES = {
    "/home/ada/shop/__init__.py": "from shop.till import Till\nVERSION = 1\n",
    "/home/ada/shop/till.py": "import os\nclass Till:\n    inner = 1\ndef open_till(): pass\n",
    "/home/ada/shop/tools/__init__.py": "",
    "/home/ada/shop/tools/hammer.py": "WEIGHT = 3\n",
    "/home/ada/shop/notes.txt": "nothing = 1\n",
}


def names(prefix: str, path: str = "shop/counter.py") -> set[str]:
    index = WorkspaceIndex()
    index.update(FILES)
    request = CompletionRequest(
        document=f"/home/ada/{path}",
        path=path,
        prefix=prefix,
        suffix="",
        workspace=index.view(hidden=["/home/ada/shop/hidden.py"]),
    )
    return set(with_imported_names(request).candidates)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("from shop.till import ", {"os", "Till", "open_till"}),
        ("x = 1\nfrom shop.till import Ti", {"os", "Till", "open_till"}),
        ("    from .till import Till, op", {"os", "Till", "open_till"}),
        ("from .till import (\n    Till,\n    op", {"os", "Till", "open_till"}),
        ("from .till import(Till, ", {"os", "Till", "open_till"}),
        ("from shop import ", {"Till", "VERSION", "till", "tools"}),
        ("from . import ", {"Till", "VERSION", "till", "tools"}),
        ("from .tools import ", {"hammer"}),
        ("from shop.tools.hammer import ", {"WEIGHT"}),
        ("from somewhere import ", set()),
        ("from .. import ", set()),
        ("from ....... import ", set()),
        ("from shop.notes import ", set()),
        ("from shop.till import Till\nx = ", set()),
        ("from shop.till import Till  # ", set()),
        ("import shop.", set()),
        ("print('from shop.till import ", set()),
    ],
)
def test_names_of_the_module(statement: str, expected: set[str]) -> None:
    """Absolute and relative, on several lines, submodules too; elsewhere none."""
    assert names(statement) == expected


def test_open_files_count_and_other_languages_do_not() -> None:
    """A module may stand among the references; in a file that is no Python nothing is imported."""
    request = CompletionRequest(
        document="file:///work/a.py",
        path="a.py",
        prefix="from b import ",
        suffix="",
        references=(
            Reference(key="file:///work/a.py", version=1, text="own = 1\n"),
            Reference(key="file:///work/b.py", version=1, text="other = 1\n"),
        ),
    )

    assert with_imported_names(request).candidates == ("other",)
    assert names("from shop.till import ", path="shop/counter.js") == set()


def test_a_module_of_the_same_name_everywhere_says_nothing() -> None:
    """Three are put together, more are not."""

    def found(count: int) -> tuple[str, ...]:
        references = tuple(
            Reference(key=f"file:///work/{n}/b.py", version=1, text=f"b{n} = 1\n")
            for n in range(count)
        )
        request = CompletionRequest(
            document="a", path="a.py", prefix="from b import ", suffix="", references=references
        )
        return with_imported_names(request).candidates

    assert found(3) == ("b0", "b1", "b2")
    assert found(4) == ()


def test_a_huge_module_is_not_read() -> None:
    """Its names are not worth the time."""
    assert module_names("x = 1\n" * 100_000) == frozenset()
