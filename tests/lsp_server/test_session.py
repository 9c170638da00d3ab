"""Session: what a place may use of what the client has told."""

from pathlib import Path

from lsp_server.document import Document
from lsp_server.postprocess.reject import RejectReason
from lsp_server.session import Place, Session, folder_paths
from lsp_server.settings import Settings


def open_document(session: Session, path: Path, text: str = "x = 1\r\n") -> Document:
    path.write_text(text)
    document = Document.of_text(uri=path.as_uri(), version=1, language="python", text=text)
    session.open(document)
    return document


def look(session: Session, document: Document) -> Place:
    place = session.look(document.uri, 0, 3)
    assert isinstance(place, Place)
    return place


def test_a_place_is_a_snapshot(tmp_path: Path) -> None:
    """What changes later does not change it."""
    session = Session()
    session.set_folders(folder_paths([tmp_path.as_uri(), "untitled:x"]))
    document = open_document(session, tmp_path / "a.py")
    place = look(session, document)
    changed, edit = document.replace_all("y", 2)
    session.edit(changed, [edit])

    assert (place.window.prefix, place.window.suffix, place.path) == ("x =", " 1\n", "a.py")
    assert place.references()[0].text == "x = 1\n"
    assert look(session, changed).references()[0].version == 2


def test_the_most_recently_used_documents_come_first(tmp_path: Path) -> None:
    """The current one, then those looked at last."""
    session = Session()
    session.set_folders(folder_paths([tmp_path.as_uri()]))
    first, second, third = (open_document(session, tmp_path / f"{name}.py") for name in "abc")
    look(session, first)
    place = look(session, third)

    assert [reference.key for reference in place.references()] == [
        third.uri,
        first.uri,
        second.uri,
    ]


def test_settings_and_folders_decide_anew(tmp_path: Path) -> None:
    """A pattern added to the secrets, a folder taken away, a language switched off."""
    session = Session()
    session.set_folders(folder_paths([tmp_path.as_uri()]))
    first, second = (open_document(session, tmp_path / f"{name}.py") for name in "ab")
    assert len(look(session, first).references()) == 2
    session.change_folders([], [tmp_path.as_uri()])
    assert len(look(session, first).references()) == 1
    session.change_folders([tmp_path.as_uri()], [])
    session.apply_settings(Settings(secrets_extra=("b.py",)))
    assert len(look(session, first).references()) == 1
    assert session.look(second.uri, 0, 0) is RejectReason.SECRET
    session.apply_settings(Settings(disabled_languages=frozenset({"python"})))
    assert session.look(first.uri, 0, 0) is RejectReason.DISABLED
    session.close(first.uri)

    assert session.look(first.uri, 0, 0) is RejectReason.UNKNOWN_DOCUMENT


def test_keys_stay_in_their_own_document(tmp_path: Path) -> None:
    """The document that holds a key sees it, no other one does, also after an edit."""
    session = Session()
    session.set_folders(folder_paths([tmp_path.as_uri()]))
    key = "kT8vQz/Lm2RxW0aBn+Yc5pHd7JfUe1GsKqVo3iZt"
    other = open_document(session, tmp_path / "a.py")
    holder = open_document(session, tmp_path / "b.py", f'KEY = "{key}"\n')
    edited, edit = holder.replace_all(f'KEY = "{key}"\nx = 1\n', 2)
    session.edit(edited, [edit])

    assert [key in reference.text for reference in look(session, other).references()] == [
        False,
        False,
    ]
    assert key in look(session, edited).references()[0].text
