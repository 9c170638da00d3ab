"""What exists: imports that bring a name, members, parameters, modules."""

from pathlib import Path

import pytest

from lsp_server.fixes.names.installed import installed_modules
from lsp_server.fixes.names.known import Names, absolute, module_of
from lsp_server.fixes.names.of_file import FileNames, Import, imports_in
from lsp_server.fixes.names.stdlib import listing, standard_library

_FILES = {
    "src/shop/__init__.py": "",
    "src/shop/cart.py": "class Cart:\n    size = 1\n    def add(self, item, *, many=1): ...\n",
    "src/shop/order.py": "from shop.cart import Cart\nfrom other.lib import Thing as T\n",
    "src/shop/web/__init__.py": "",
    "src/shop/web/page.py": "from ..cart import Cart\n",
}


def test_imports_of_other_files_come_first() -> None:
    """A name is imported as other files import it; by dots where the file does so itself."""
    names = Names(_FILES)

    assert names.ways_to_import("Cart", "src/shop/order.py")[0].statement == Import(
        "shop.cart", "Cart", ""
    )
    assert names.ways_to_import("Cart", "src/shop/web/page.py")[0].statement == Import(
        "..cart", "Cart", ""
    )
    assert names.ways_to_import("T", "src/shop/cart.py")[0].statement == Import(
        "other.lib", "Thing", "T"
    )


@pytest.mark.parametrize(
    ("module", "exists"),
    [
        ("shop.cart", True),
        ("shop.web", True),
        ("..cart", True),
        ("...other", False),
        ("os.path", True),
        ("other.lib", True),  # another file imports it
        ("installed.inner", True),
        ("osx", False),
        ("shop.kart", False),
    ],
)
def test_modules_that_exist(module: str, exists: bool) -> None:
    """Own modules, those of the standard library, installed ones, and those that others import."""
    names = Names(_FILES, installed=frozenset({"installed"}))

    assert names.module_exists(module, "src/shop/web/page.py") is exists


def test_unchanged_files_are_read_once() -> None:
    """A new state of the workspace shares what did not change with the old one."""
    old = Names(_FILES)
    new = Names({**_FILES, "src/shop/cart.py": "class Kart: ...\n"}, known=old)

    assert new.members("Cart") == frozenset()
    assert new.ways_to_import("Kart", "src/shop/order.py")


def test_what_a_file_says() -> None:
    """Members of classes, parameters of functions, imports on several lines."""
    text = (
        "from a import (  # why\n    b,\n    c as d,\n)\nimport e.f, g as h\n"
        + _FILES["src/shop/cart.py"]
    )
    names = FileNames(text)

    assert imports_in(text) == [
        Import("a", "b", ""),
        Import("a", "c", "d"),
        Import("e.f", "", ""),
        Import("g", "", "h"),
    ]
    assert names.members["Cart"] == {"size", "add"}
    assert names.parameters["add"] == {"item", "many"}
    assert names.top == {"Cart"}


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("src/shop/web/page.py", "shop.web.page"),
        ("src/shop/web/__init__.py", "shop.web"),
        ("scripts/run.py", "scripts.run"),
        ("src/single.py", "single"),
    ],
)
def test_module_of_a_path(path: str, module: str) -> None:
    """Packages reach as far up as there are `__init__.py`; `src` is no part of a name."""
    assert module_of(path, _FILES) == module


def test_relative_modules() -> None:
    """Dots count from the package of the file that imports."""
    assert absolute(".a", "p.q.m", "p/q/m.py") == "p.q.a"
    assert absolute("..", "p.q.m", "p/q/m.py") == "p"
    assert absolute(".a", "p.q", "p/q/__init__.py") == "p.q.a"


def test_list_of_the_standard_library_is_that_of_an_interpreter() -> None:
    """The list that comes with Mixline has the modules and names that code imports most."""
    library = standard_library()

    assert library.origins["Path"][0] == "pathlib"
    assert {"join", "exists"} <= library.modules["os.path"]
    assert "mkdir" in library.members["Path"]
    assert {"file", "mode", "encoding"} <= library.parameters["open"]
    assert not {"antigravity", "this", "test"} & set(library.modules)


def test_listing_names_what_this_interpreter_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is made of the running interpreter's modules."""
    monkeypatch.setattr("lsp_server.fixes.names.stdlib._names", lambda: iter(["bisect"]))

    assert next(listing()).startswith("bisect\tbisect bisect_left")


def test_installed_modules_are_seen_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders and files of an environment count; nothing in them runs."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    place = tmp_path / ".venv/lib/python3.12/site-packages"
    (place / "package").mkdir(parents=True)
    (place / "package/__init__.py").write_text("raise SystemExit\n")
    (place / "single.py").write_text("raise SystemExit\n")
    (place / "native.cpython-312-x86_64-linux-gnu.so").write_text("")
    (place / "package-1.0.dist-info").mkdir()

    assert installed_modules([tmp_path]) == {"package", "single", "native"}


def test_own_imports_prove_nothing() -> None:
    """A module that only the asking file imports may be misspelt there."""
    names = Names({"a.py": "import jsn\n", "b.py": "import jsnlib.inner\n"})

    assert not names.module_exists("jsn", "a.py")
    assert names.module_exists("jsn", "b.py")
    assert names.module_exists("jsnlib", "a.py")
    assert "jsn" not in names.all_modules("a.py")
