"""Emacs with eglot and the configuration that docs/editors.md gives: ordinary completion."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EMACS = shutil.which("emacs")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(EMACS is None, reason="no emacs: apt-get install emacs-nox elpa-eglot"),
]

ROOT = Path(__file__).parents[2]
SOURCE = (Path(__file__).parent / "handlers.txt").read_text("utf-8").removesuffix("\n")
DRIVE = """
(require 'package)
(package-initialize)
(setq eglot-connect-timeout 120)
(defun wait-until (fact)
  (let ((end (+ (float-time) 120)))
    (while (and (not (funcall fact)) (< (float-time) end))
      (accept-process-output nil 0.2))))
(find-file "sample.py")
(run-hooks 'post-command-hook)
(wait-until #'eglot-current-server)
(goto-char (point-max))
(insert "l")
(let ((start (point)))
  (wait-until (lambda () (ignore-errors (completion-at-point)) (> (point) start))))
(write-region nil nil "result.py")
"""


def test_completion_inserts_the_suggestion(tmp_path: Path) -> None:
    """Where it is the only entry, `completion-at-point` puts exactly it into the buffer."""
    text = (ROOT / "docs" / "editors.md").read_text("utf-8")
    block = re.search(r"```elisp\n(.*?)```", text, re.DOTALL)
    assert block
    (tmp_path / "init.el").write_text(block.group(1), encoding="utf-8")
    (tmp_path / "drive.el").write_text(DRIVE, encoding="utf-8")
    workspace = tmp_path / "workspace"
    (workspace / ".git").mkdir(parents=True)
    (workspace / "sample.py").write_text(SOURCE, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        [str(EMACS), "-q", "--batch", "-l", "../init.el", "-l", "../drive.el"],
        cwd=workspace,
        env={**os.environ, "PATH": path, "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        timeout=300,
    )

    result = (workspace / "result.py").read_text("utf-8")
    assert result == SOURCE + 'lueError(f"duplicate handler {name!r}")'
