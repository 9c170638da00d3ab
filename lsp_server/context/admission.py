"""Which documents the model may see, and which may be context for others (paths only, no text)."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from lsp_server.context.gitignore import GitIgnore
from lsp_server.context.secrets_list import SecretsList


class Admission(Enum):
    """How far the text of a document may go."""

    WORKSPACE = auto()  # context for itself and for other documents
    ALONE = auto()  # context for itself only: outside the workspace, ignored by git, or no file
    SECRET = auto()  # never: the answer is always empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The decision on one document."""

    admission: Admission
    path: str  # relative to its workspace folder with "/", else the bare file name


class AdmissionRules:
    """The rules of one set of workspace folders and one secrets list."""

    def __init__(self, folders: Iterable[Path], secrets_extra: Iterable[str] = ()) -> None:
        self._folders = [(folder, GitIgnore(folder)) for folder in map(resolved, folders)]
        self._secrets = SecretsList(secrets_extra)

    def admit(self, uri: str) -> Admitted:
        """Decide on a document by its URI; links are resolved, so a link to a key is a key."""
        named = path_of_uri(uri)
        if named is None:
            # No file yet (untitled:, vscode-vfs:, ...): its name alone may tell.
            name = _name_in_uri(uri)
            secret = name in self._secrets
            return Admitted(admission=Admission.SECRET if secret else Admission.ALONE, path=name)
        return self.admit_file(named)

    def admit_file(self, named: Path, *, walked: bool = False) -> Admitted:
        """Decide on a file by its absolute path.

        Args:
            named: the path.
            walked: `keeps_out` has just said no of its folder, so that its own name decides.
        """
        real = resolved(named)
        if str(named) in self._secrets or real.as_posix() in self._secrets:
            return Admitted(admission=Admission.SECRET, path=real.name)
        for folder, ignore in self._folders:
            if real.is_relative_to(folder):
                ignored = ignore.ignores(real, alone=walked)
                return Admitted(
                    admission=Admission.ALONE if ignored else Admission.WORKSPACE,
                    path=real.relative_to(folder).as_posix(),
                )
        return Admitted(admission=Admission.ALONE, path=real.name)

    def keeps_out(self, folder: Path) -> bool:
        """Tell whether nothing in a folder, links resolved, is context for other documents."""
        return not any(
            folder.is_relative_to(top) and not ignore.ignores(folder, is_folder=True)
            for top, ignore in self._folders
        )


def path_of_uri(uri: str) -> Path | None:
    """Return the absolute path of a `file:` URI, or None for any other."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file" or parts.netloc not in {"", "localhost"}:
        return None
    # The bytes are the file's name, whatever the locale takes names for.
    path = os.fsdecode(unquote_to_bytes(parts.path.encode("utf-8", "surrogatepass")))
    if "\0" in path or not path.startswith("/"):
        return None
    return Path(path)


def _name_in_uri(uri: str) -> str:
    return unquote(uri).rstrip("/").rpartition("/")[2].rpartition(":")[2]


def resolved(path: Path) -> Path:
    """Return the path with its links resolved, as far as there are any."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that cannot be one
        return path.absolute()
