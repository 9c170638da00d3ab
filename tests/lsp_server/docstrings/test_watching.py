"""Open files are followed: what was, what is stale now, and what is forgotten."""

import asyncio

import pytest

from lsp_server.docstrings import watching
from lsp_server.docstrings.watching import DocstringWatch, Stale
from lsp_server.document import Document, Point

URI = "file:///m.py"
TEXT = 'def f(a):\n    """Do it.\n\n    Args:\n        a: First.\n    """\n    return a\n'


class Files:
    """One open document, and what was published of it."""

    def __init__(self, text: str, language: str = "python") -> None:
        self.document: Document | None = Document.of_text(
            uri=URI, version=1, language=language, text=text
        )
        self.published: list[tuple[Document, tuple[Stale, ...]]] = []
        self.watch = DocstringWatch(lambda _: self.document, self._publish)

    def _publish(self, document: Document, found: tuple[Stale, ...]) -> None:
        self.published.append((document, found))

    def replace(self, old: str, new: str) -> None:
        assert self.document is not None
        text = self.document.text().replace(old, new)
        self.document, _ = self.document.replace_all(text, self.document.version + 1)

    async def look(self) -> None:
        self.watch.touched(URI)
        await asyncio.gather(*self.watch._tasks.values())


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_REST_S", 0.0)


async def test_a_new_parameter_is_stale_once_the_earlier_version_is_known() -> None:
    """The file as it was opened is the earlier one, whatever was typed since."""
    files = Files(TEXT)
    await files.look()
    files.replace("def f(a)", "def f(a, b)")
    await files.look()
    first, last = files.published
    (stale,) = last[1]

    assert first[1] == ()
    assert "`b`" in stale.diagnostic.message
    assert (stale.diagnostic.start, stale.facts.name) == (Point(1, 4), "f")
    assert stale.change is not None
    assert stale.change.text.startswith('"""Do it.\n\n    Args:\n        a: First.\n        b: ')
    assert files.document is not None
    assert files.watch.stale(files.document) == (stale,)


async def test_what_is_known_is_of_one_version() -> None:
    """An edit makes it unknown until the file was looked at again; so does closing it."""
    files = Files(TEXT.replace("def f(a)", "def f(b)"))
    await files.look()
    assert files.document is not None
    assert len(files.watch.stale(files.document)) == 1
    files.replace("return a", "return b")
    assert files.watch.stale(files.document) == ()
    await files.look()
    assert len(files.watch.stale(files.document)) == 1
    files.watch.forget(URI)

    assert files.watch.stale(files.document) == ()


async def test_facts_are_read_once_for_a_version() -> None:
    """In every language that has any; other files are not looked at."""
    files = Files("fn f(a: u8) {}\n", "rust")
    await files.look()
    assert files.document is not None
    facts = files.watch.facts(files.document)
    assert facts is not None
    assert files.watch.facts(files.document) is facts
    assert files.published == []
    other = Files("def f\nend\n", "ruby")
    other.watch.touched(URI)

    assert other.watch._tasks == {}


async def test_stopping_ends_the_work() -> None:
    """Nothing is published afterwards."""
    files = Files(TEXT)
    files.watch.touched(URI)
    files.watch.stop()
    await asyncio.sleep(0.01)

    assert files.published == []


async def test_a_menu_does_not_wait_for_a_long_file() -> None:
    """Its facts are at hand once it was looked at, and no more after an edit."""
    files = Files(TEXT + "# and so on\n" * 2000)
    assert files.document is not None
    short = Files(TEXT)
    assert short.document is not None

    assert files.watch.facts_at_hand(files.document) is None
    assert short.watch.facts_at_hand(short.document) is not None
    await files.look()
    assert files.watch.facts_at_hand(files.document) is not None
    files.replace("return a", "return b")
    assert files.watch.facts_at_hand(files.document) is None
