"""Comments that silence a checker: none is ever added or widened."""

import pytest

from lsp_server.fixes.suppressions import adds_suppression, is_configuration


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "#noqa:F821",
        "# NoQA : F821",
        "# because # noqa: F821",
        "# ruff: noqa",
        "# flake8: noqa",
        "# type: ignore",
        "#type:ignore[name-defined]",
        "# pyright: ignore[reportUndefinedVariable]",
        "# pyright: basic",
        "# mypy: ignore-errors",
        "# mypy: disable-error-code=name-defined",
        "# pylint: disable=undefined-variable",
        "# pyre-ignore[21]",
        "# ty: ignore",
        "# nosec",
        "@no_type_check",
        "@typing.no_type_check",
        "// eslint-disable-next-line no-undef",
        "/* eslint-disable */",
        "/* eslint no-undef: off */",
        "/* global confg */",
        "// @ts-ignore",
        "// @ts-expect-error",
        "// @ts-nocheck",
        "// biome-ignore lint: x",
        "// deno-lint-ignore no-undef",
        "// NOLINT",
        "// NOLINTNEXTLINE(x)",
        "//nolint:errcheck",
        "#[allow(unused)]",
        "#![allow(unused)]",
        '@SuppressWarnings("x")',
        "#pragma GCC diagnostic ignored",
        "#pragma warning disable 1",
        "# shellcheck disable=SC2034",
        "//noinspection PyUnresolved",
        "except NameError: pass",
        "except (KeyError, ImportError): pass",
        "with suppress(NameError):",
        'globals()["confg"]',
    ],
)
def test_each_is_seen(comment: str) -> None:
    """Wherever it stands and however it is written; one that was there already may stay."""
    assert adds_suppression("x = confg\n", f"x = confg  {comment}\n")
    assert not adds_suppression(f"x = confg  {comment}\n", f"\nx = config  {comment}\n")


def test_widening_one_is_adding_one() -> None:
    """A further code behind the first."""
    assert adds_suppression("import os  # noqa: F401\n", "import os  # noqa: F401, F821\n")


@pytest.mark.parametrize(
    "text",
    [
        "quinoa = ignore(type)  # the type is ignored\n",
        "x = 1  # pragmatic\n",
        "raise NameError('x')\n",
        "except ValueError: pass\n",
        "allow(x)\n",
    ],
)
def test_plain_code_is_none(text: str) -> None:
    """Words that only look like it."""
    assert not adds_suppression("", text)


def test_configuration_is_known_by_name() -> None:
    """The files that say what a checker complains of."""
    names = ["pyproject.toml", "tsconfig.base.json", ".eslintrc.js", "eslint.config.mjs", ".flake8"]

    assert all(is_configuration(f"file:///w/{name}") for name in names)
    assert not any(
        is_configuration(f"file:///w/{name}") for name in ["app.py", "config.py", "a.toml"]
    )
