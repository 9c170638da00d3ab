"""Imports go where the file would have them."""

import ast

import pytest

from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate, Origin, apply
from lsp_server.fixes.candidates.import_place import insertion
from lsp_server.fixes.names.known import Names
from lsp_server.fixes.names.of_file import Import

_NAMES = Names({"own/__init__.py": "", "own/a.py": ""})


@pytest.mark.parametrize(
    ("statement", "before", "after"),
    [
        (Import("os", "", ""), "", "import os\n"),
        (Import("os", "", ""), '"""Doc."""\n\nx = 1\n', '"""Doc."""\n\nimport os\n\nx = 1\n'),
        (Import("os", "", ""), "#!/bin/sh\n\nx = 1\n", "#!/bin/sh\n\nimport os\n\nx = 1\n"),
        (Import("os", "", ""), "import abc\nimport sys\n", "import abc\nimport os\nimport sys\n"),
        (
            Import("os", "", ""),
            "import abc\nfrom re import sub\n",
            "import abc\nimport os\nfrom re import sub\n",
        ),
        (
            Import("pathlib", "Path", ""),
            "import abc\n\nimport numpy\n",
            "import abc\nfrom pathlib import Path\n\nimport numpy\n",
        ),
        (Import("os", "", ""), "import numpy\n", "import os\n\nimport numpy\n"),
        (Import("own.a", "b", ""), "import os\n\nimport numpy\n\n\ndef f(): ...\n", None),
        (Import("re", "sub", ""), "from re import match\n", "from re import match, sub\n"),
        (Import("re", "A", ""), "from re import match\n", "from re import A, match\n"),
        (
            Import("re", "sub", ""),
            "from re import (\n    match,\n    split,\n)\n",
            "from re import (\n    match,\n    split,\n    sub,\n)\n",
        ),
        (
            Import("re", "finditer", ""),
            "from re import (\n    match,\n    split,\n)\n",
            "from re import (\n    finditer,\n    match,\n    split,\n)\n",
        ),
        (Import("numpy", "", "np"), "import numpy\n", "import numpy\nimport numpy as np\n"),
    ],
)
def test_place(statement: Import, before: str, after: str | None) -> None:
    """Into a statement of the same module, else sorted into the section; else a section is made."""
    document = Document.of_text(uri="file:///a.py", version=1, language="python", text=before)
    lines = [document.line(number) for number in range(len(document.lines))]
    changes = insertion(lines, ast.parse(before), statement, _NAMES)
    candidate = Candidate(title="", changes=changes, origin=Origin.ENUMERATED)

    edited = apply(document, candidate).text()

    if after is None:
        after = before.replace("import numpy\n", "import numpy\n\nfrom own.a import b\n")
    assert edited == after
    ast.parse(edited)
