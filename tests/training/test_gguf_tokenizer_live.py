"""llama.cpp cuts text into the tokens that our tokenizer cuts it into."""

import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.model_dir import ModelDir
from training.export_gguf import export_gguf
from training.tokenizer import SPECIALS, load_plain

llama_cpp = pytest.importorskip("llama_cpp")

Cut = Callable[[str], list[int]]
TEXTS = {
    "empty": "",
    "blank": "   ",
    "blank_lines": "\n\n\n  \n",
    "python": "class Point:\n    def norm(self):\n        return (self.x**2 + self.y**2) ** 0.5\n",
    "tabs": "func main() {\n\tif err != nil {\n\t\tlog.Fatal(err)\n\t}\n}\n",
    "crlf": "int main(void)\r\n{\r\n\treturn 0;\r\n}\r\n",
    "typescript": "const f = async <T>(x?: T): Promise<T[]> => x == null ? [] : [...await g()];\n",
    "rust": "impl<'a> Iterator for Lines<'a> { type Item = &'a str; }\n",
    "html": '<a href="https://example.org/?q=1&amp;r=2">caf\u00e9 &mdash; na\u00efve</a>',
    "shell": 'for f in "$@"; do echo "${f%.py}" | sed \'s/_/-/g\' >&2; done\n',
    "digits": "x = [1, 23, 456, 7_890, 0xFF, 1e-9, 3.14159, 100000000]\n",
    "punctuation": "a.b,c!d?e|f(g)h...i\u2026j\u3002k\uff0cl\u3001m\u0964n\u06d4o\u060cp",
    "trailing_blanks": "x = 1   \n\n    \ty = 2",
    "long_word": "a" * 2000,
    "greek_and_cyrillic": "\u0394\u03b9\u03ac \u041f\u0440\u0438\u0432\u0435\u0442",
    "chinese_and_japanese": "\u4f60\u597d\u4e16\u754c \u3053\u3093\u306b\u3061\u306f",
    "arabic_and_hindi": "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0939\u093f\u0928\u094d",
    "emoji": "\U0001f60b ok \U0001f468\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "other_blanks": "a\u00a0b\u2003c\u3000d\u2028e\u0085f\x0bg\x0ch\u200bi",
    "controls": "a\x00b\x1bc\x7fd\ufeffe\ufffdf",
    "markers": "<|fim_prefix|>x<|endoftext|> <|file_sep|>a.py\n<|fim_middle|><|reserved_0|>",
}


@pytest.fixture(scope="module")
def cutters(shipped_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cut, Cut]:
    """llama.cpp's and our way of cutting text, with the shipped model's tokenizer."""
    path = tmp_path_factory.mktemp("gguf") / "shipped.gguf"
    export_gguf(shipped_model, path, weights="q4_0")
    theirs = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    ours = load_plain(ModelDir.open(shipped_model).tokenizer)
    return (
        lambda text: theirs.tokenize(text.encode(), add_bos=False, special=False),
        lambda text: ours.encode(text, add_special_tokens=False).ids,
    )


@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_cut_alike(cutters: tuple[Cut, Cut], name: str) -> None:
    """Code in several languages, odd blanks, scripts, and text that looks like markers."""
    theirs, ours = cutters

    found = theirs(TEXTS[name])

    assert found == ours(TEXTS[name])
    assert all(token >= len(SPECIALS) for token in found)


def test_real_code_is_cut_alike(cutters: tuple[Cut, Cut]) -> None:
    """This project's own files, Python and C++."""
    theirs, ours = cutters
    root = Path(__file__).parents[2]
    files = [*root.glob("inference/*.py"), *root.glob("inference/ops/native/**/*.cc")]

    assert len(files) > 20
    for path in files:
        text = path.read_text("utf-8")
        assert theirs(text) == ours(text), path


def test_every_odd_character_is_cut_alike(cutters: tuple[Cut, Cut]) -> None:
    """Each assigned character that is no letter: alone, behind a blank, and before one."""
    theirs, ours = cutters
    odd = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character)[0] not in "CL" or character in "\0\t\r\x1c\x85\u200b"
    ]

    assert len(odd) > 10_000
    for character in odd:
        text = f"a{character}b {character} "
        assert theirs(text) == ours(text), hex(ord(character))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.one_of(st.sampled_from([*SPECIALS, "\n", "  ", ", "]), st.text(max_size=9)))
)
def test_any_text_is_cut_alike(cutters: tuple[Cut, Cut], parts: list[str]) -> None:
    """Whatever text is made of."""
    theirs, ours = cutters

    assert theirs("".join(parts)) == ours("".join(parts))


def test_markers_are_found_when_asked_for(shipped_model: Path, tmp_path: Path) -> None:
    """With `special`, llama.cpp reads the markers' names; it knows which one is which."""
    export_gguf(shipped_model, tmp_path / "m.gguf", weights="q4_0")
    model = llama_cpp.Llama(str(tmp_path / "m.gguf"), vocab_only=True, verbose=False)
    vocab = llama_cpp.llama_model_get_vocab(model.model)

    assert model.tokenize("".join(SPECIALS).encode(), add_bos=False, special=True) == list(
        range(16)
    )
    assert model.token_eos() == 0
    assert [
        getattr(llama_cpp, f"llama_vocab_fim_{part}")(vocab)
        for part in ("pre", "suf", "mid", "sep")
    ] == [2, 3, 4, 5]
    assert not llama_cpp.llama_vocab_get_add_bos(vocab)
