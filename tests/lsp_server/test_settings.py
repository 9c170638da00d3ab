"""Settings: wire to resolved, with a sentence for everything that is wrong."""

import pytest

from lsp_server.settings import (
    CompletionFallback,
    DocstringWords,
    MultiLine,
    Settings,
    UnsureWords,
    parse_settings,
)


def test_nothing_sent_means_the_defaults() -> None:
    """Null, an empty object and null values keep the base."""
    for wire in (None, {}, {"temperature": None}):
        assert parse_settings(wire, Settings()) == (Settings(), ())


def test_every_setting_is_read() -> None:
    """Each key of the wire reaches its field."""
    wire = {
        "enable": False,
        "disabledLanguages": ["markdown"],
        "temperature": 0.5,
        "maxTokens": 12.0,
        "multiLine": "never",
        "effort": "p0.8",
        "commentsAndStrings": False,
        "minimumConfidence": 0.7,
        "afterlifeMs": 1000,
        "answerWithinMs": 300,
        "completionFallback": "always",
        "history": False,
        "adaptToMe": False,
        "quickFixes": False,
        "docstringWords": "model",
        "docstringUnsure": "placeholder",
        "syntaxDiagnostics": ["go", "python"],
        "secretsExtra": ["*.vault"],
    }

    settings, problems = parse_settings(wire, Settings())

    assert problems == ()
    assert settings == Settings(
        enable=False,
        disabled_languages=frozenset({"markdown"}),
        temperature=0.5,
        max_tokens=12,
        multi_line=MultiLine.NEVER,
        effort=-0.8,
        comments_and_strings=False,
        minimum_confidence=0.7,
        afterlife_ms=1000,
        answer_within_ms=300,
        completion_fallback=CompletionFallback.ALWAYS,
        history=False,
        adapt_to_me=False,
        quick_fixes=False,
        docstring_words=DocstringWords.MODEL,
        docstring_unsure=UnsureWords.PLACEHOLDER,
        syntax_diagnostics=frozenset({"go", "python"}),
        secrets_extra=("*.vault",),
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enable", "yes"),
        ("disabledLanguages", "python"),
        ("disabledLanguages", [1]),
        ("temperature", 2),
        ("temperature", True),
        ("temperature", float("nan")),
        ("maxTokens", 0),
        ("maxTokens", 1.5),
        ("multiLine", "sometimes"),
        ("effort", "half"),
        ("effort", 0),
        ("effort", [1]),
        ("afterlifeMs", -1),
        ("completionFallback", 1),
        ("secretsExtra", ["x"] * 2000),
    ],
)
def test_a_wrong_value_is_named_and_the_rest_counts(key: str, value: object) -> None:
    """One message tells the setting and what was found; other settings are taken over."""
    settings, problems = parse_settings({key: value, "answerWithinMs": 100}, Settings())

    assert settings == Settings(answer_within_ms=100)
    (problem,) = problems
    assert problem.startswith(f"mixline.{key}: ")
    assert len(problem) < 200


def test_an_unknown_setting_and_no_object_are_named() -> None:
    """A misspelt name and a value that is no object are told, not dropped silently."""
    assert parse_settings({"enabel": True}, Settings())[1] == (
        "mixline.enabel: there is no such setting",
    )
    assert "expected an object" in parse_settings([1], Settings())[1][0]
