"""Comments of functions in seven languages: same code, all described once, nothing lost."""

import pytest

from lsp_server.docstrings.comments.proposal import (
    CommentProposal,
    described_once,
    missing_comments,
    propose_comment,
)
from lsp_server.docstrings.comments.reading import read_comment
from lsp_server.docstrings.drafting import DocstringError
from lsp_server.docstrings.facts import FunctionFacts, ModuleFacts
from lsp_server.docstrings.habits import text_between
from lsp_server.docstrings.languages import described_grammar, read_module
from lsp_server.document import Document
from lsp_server.fixes.candidate import Candidate, Origin, apply
from tests.lsp_server.docstrings.conftest import own_words

MANY = ", ".join(f"p{number}" for number in range(500))
# Language, source, the function's name, its parameters as the comment must name them.
CASES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "js": (
        "javascript",
        "export default async function* f(a, b = 1, ...r) {\n  yield a;\n}\n",
        "f",
        ("a", "b", "r"),
    ),
    "js arrow": ("javascript", "const g = a => a.b;\n", "g", ("a",)),
    "js destructured": (
        "javascript",
        "function h({ x, y }, [z], options2) {\n  return x;\n}\n",
        "h",
        ("options", "items", "options2"),
    ),
    "js two patterns": (
        "javascript",
        "function h({ x }, { y }) {}\n",
        "h",
        ("options", "options2"),
    ),
    "js method": (
        "javascript",
        "class C {\n  static #m(größe) {\n    return größe;  // 😋\n  }\n}\n",
        "#m",
        ("größe",),
    ),
    "js assigned": (
        "javascript",
        "X.prototype.y = function (a) {\n  if (a < 0) throw new E('x');\n  this.a = a;\n};\n",
        "y",
        ("a",),
    ),
    "js property": ("javascript", "const o = {\n  k: (v) => v,\n};\n", "k", ("v",)),
    "js comment in code": ("javascript", "function f(a) { return /a*/.test(a); }\n", "f", ("a",)),
    "js 500": (
        "javascript",
        f"function f({MANY}) {{ return p7; }}\n",
        "f",
        tuple(MANY.split(", ")),
    ),
    "js crlf": ("javascript", "function f(a) {\r\n  return a;\r\n}\r\n", "f", ("a",)),
    "ts": (
        "typescript",
        "export function f<T>(this: C, a: T, b?: string): T { return a; }\n",
        "f",
        ("a", "b"),
    ),
    "ts decorated": (
        "typescript",
        "class C {\n\t@d()\n\tm(private a: number): void {}\n}\n",
        "m",
        ("a",),
    ),
    "ts interface": (
        "typescript",
        "interface I {\n  m(a: number): Promise<void>;\n}\n",
        "m",
        ("a",),
    ),
    "ts overload": ("typescript", "function f(a: string): number;\n", "f", ("a",)),
    "tsx": ("typescriptreact", "const V = ({ a }: P) => <b>{a}</b>;\n", "V", ("options",)),
    "rust": (
        "rust",
        (
            "#[inline]\npub fn f<T>(&self, mut a: &T, (b, c): (u8, u8), _: u8) -> Result<T, E> {\n"
            "    g(a)\n}\n"
        ),
        "f",
        ("a", "(b, c)"),
    ),
    "rust trait": ("rust", "trait T {\n    fn s(&self, x: i32);\n}\n", "s", ("x",)),
    "rust non-ascii": ("rust", "fn größe(breite: u8) -> u8 { breite }\n", "größe", ("breite",)),
    "rust crlf": ("rust", "fn f(a: u8) -> u8 {\r\n    a\r\n}\r\n", "f", ("a",)),
    "rust tabs": ("rust", "impl A {\n\tpub fn f(&self, a: u8) {}\n}\n", "f", ("a",)),
    "go": (
        "go",
        "package p\n\nfunc (s *T) F(a, b int, c ...string) (int, error) {\n\treturn g(a), nil\n}\n",
        "F",
        ("a", "b", "c"),
    ),
    "go unnamed": ("go", "package p\n\nfunc G(int, string) {}\n", "G", ()),
    "go interface": ("go", "package p\n\ntype I interface {\n\tM(x int) error\n}\n", "M", ("x",)),
    "go directive": ("go", "package p\n\n//go:noinline\nfunc F(a int) {}\n", "F", ("a",)),
    "go crlf": ("go", "package p\r\n\r\nfunc F(ä int) {\r\n}\r\n", "F", ("ä",)),
    "java": (
        "java",
        (
            "class C {\n  @A public <T> int f(final T a, String... b) throws E {\n"
            '    if (a == null) throw new E("m");\n    return g.h(a);\n  }\n}\n'
        ),
        "f",
        ("<T>", "a", "b"),
    ),
    "java constructor": (
        "java",
        "class C {\n\tC(int größe) { this.s = größe; }\n}\n",
        "C",
        ("größe",),
    ),
    "java interface": ("java", "interface I {\r\n  int m(int a);\r\n}\r\n", "m", ("a",)),
    "c": (
        "c",
        "static int f(const char *s, int n, ...)\n{\n\treturn s[n];\n}\n",
        "f",
        ("s", "n", "..."),
    ),
    "c prototype": ("c", "void *copy(void (*call)(int), int a[3]);\n", "copy", ("call", "a")),
    "c nothing": ("c", "int v(void) { return 1; }\n", "v", ()),
    "c crlf": ("c", "int v(int größe) {\r\n\treturn größe;\r\n}\r\n", "v", ("größe",)),
    "cpp template": (
        "cpp",
        "template <typename T>\nconst T& f(int a, T&& b = 3, Args&&... c) { return g(a); }\n",
        "f",
        ("a", "b", "c"),
    ),
    "cpp class": ("cpp", "class A {\n  A(int x) : y(x) {}\n};\n", "A", ("x",)),
    "cpp pure": ("cpp", "struct A {\n  virtual auto m(int z) const -> int = 0;\n};\n", "m", ("z",)),
    "cpp destructor": ("cpp", "class A {\n  ~A();\n};\n", "~A", ()),
}
BROKEN = {
    "javascript": "function f(a) {\n  return a;\n}\nlet = = ;\n",
    "rust": "fn f(a: u8) -> u8 {\n    a\n}\nstruct = ;\n",
    "go": "package p\n\nfunc F(a int) int {\n\treturn a\n}\n\nvar = =\n",
    "java": "class C {\n  int f(int a) {\n    return a;\n  }\n  int = = 3;\n}\n",
    "cpp": "int f(int a) {\n  return a;\n}\nclass = ;\n",
}


def _document(language: str, text: str) -> Document:
    return Document.of_text(uri="file:///file", version=1, language=language, text=text)


def _read(document: Document, name: str) -> tuple[ModuleFacts, FunctionFacts]:
    module = read_module(document)
    assert module is not None
    facts = next(one for one in module.definitions if one.name == name)
    assert isinstance(facts, FunctionFacts)
    return module, facts


def _propose(language: str, text: str, name: str) -> tuple[Document, CommentProposal]:
    document = _document(language, text)
    module, facts = _read(document, name)
    grammar = described_grammar(document)
    assert grammar is not None
    proposal = propose_comment(document, module, facts, grammar)
    changed = apply(document, Candidate(title="", changes=(proposal.change,), origin=Origin.MODEL))
    return changed, proposal


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_function_gets_a_sound_comment(case: str) -> None:
    """Each parameter is named once, the code's lines stay byte for byte, and it is found again."""
    language, text, name, parameters = CASES[case]
    changed, proposal = _propose(language, text, name)
    lines = list(changed.lines)
    _, facts = _read(changed, name)

    assert proposal.checks.sound
    assert facts.span.docstring is not None
    written = text_between(changed, *facts.span.docstring)
    assert read_comment(written, proposal.style).parameters == parameters
    for line in _document(language, text).lines:
        lines.remove(line)
    assert all(line.endswith("\r\n") for line in lines if line) == ("crlf" in case or "\r" in text)


@pytest.mark.parametrize("language", BROKEN)
def test_errors_elsewhere_do_not_matter(language: str) -> None:
    """A file that does not parse gets no more errors than it has."""
    name = "F" if language == "go" else "f"
    changed, proposal = _propose(language, BROKEN[language], name)

    assert proposal.checks.sound
    assert len(changed.lines) > len(_document(language, BROKEN[language]).lines)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "/** Ours. */\nfunction f(a) {}\n"),
        ("javascript", "import 'a';\n\n/** Ours. */\n\n// more\nfunction f(a) {}\n"),
        (
            "typescript",
            "/** Ours. */\n@d\nexport class C {\n  /** Ours. */\n  f(a: number) {}\n}\n",
        ),
        ("rust", "/// Ours.\n#[inline]\nfn f(a: u8) {}\n"),
        ("rust", '#[doc = "Ours."]\nfn f(a: u8) {}\n'),
        ("go", "package p\n\n// f is ours.\nfunc f(a int) {}\n"),
        ("go", "package p\n\n// f is ours.\n//\n//go:noinline\nfunc f(a int) {}\n"),
        ("java", "class C {\n  /** Ours. */\n  @A\n  int f(int a) { return a; }\n}\n"),
        ("c", "/*! Ours. */\nint f(int a);\n"),
        ("cpp", "/// Ours.\n/// More.\ntemplate <class T>\nint f(T a);\n"),
    ],
)
def test_a_function_that_has_a_comment_is_left_alone(language: str, text: str) -> None:
    """Whatever stands between the comment and the function, and under whatever sign."""
    with pytest.raises(DocstringError, match="has one"):
        _propose(language, text, "f")


@pytest.mark.parametrize(
    ("language", "text", "kept"),
    [
        ("javascript", "// Plain.\nfunction f(a) {}\n", "// Plain."),
        ("rust", "// Plain.\n#[inline] // Why.\nfn f(a: u8) {}\n", "// Why."),
        ("java", "class C {\n  /* Plain. */\n  int f(int a) { return a; }\n}\n", "/* Plain. */"),
        ("cpp", "int x; ///< Its own.\nint f(int a);\n", "///< Its own."),
        ("c", "/** @file */\n\nint f(int a);\n", "/** @file */"),
    ],
)
def test_a_comment_of_another_kind_stays(language: str, text: str, kept: str) -> None:
    """An ordinary comment, that of the member before, that of the file."""
    changed, proposal = _propose(language, text, "f")

    assert proposal.checks.sound
    assert kept in changed.text()


def test_code_before_a_function_on_its_line_is_no_place() -> None:
    """A line end there could change the code: `return` ends at it."""
    with pytest.raises(DocstringError, match="begins its line"):
        _propose("javascript", "let a = { b: function (c) {} };\n", "b")


def test_public_functions_without_a_comment_are_missing_one() -> None:
    """By each language's own rule; what stands inside a function is not asked for."""
    cases = {
        "go": ("package p\nfunc A() {}\nfunc b() {}\n// C is.\nfunc C() {}\n", ["A"]),
        "rust": ("pub fn a() { fn x() {} }\nfn b() {}\ntrait T {\n fn c();\n}\n", ["a", "c"]),
        "java": (
            "class C {\n public void a() {}\n void b() {}\n protected void c() {}\n}\n",
            ["a", "c"],
        ),
        "javascript": ("function a() {\n function x() {}\n}\nfunction _b() {}\n", ["a"]),
        "typescript": ("class C {\n private a() {}\n b() {}\n}\n", ["b"]),
        "c": ("static void a(void) {}\nvoid b(void) {}\n", ["b"]),
    }
    for language, (text, names) in cases.items():
        document = _document(language, text)
        module = read_module(document)
        assert module is not None

        assert [one.name for one in missing_comments(document, module, language)] == names


def test_a_whole_comment_of_each_dialect() -> None:
    """As it looks in a file."""
    shown = {}
    for case in ("js assigned", "ts", "rust", "go", "java", "c"):
        _, proposal = _propose(*CASES[case][:3])
        shown[case] = proposal.change.text

    assert shown["js assigned"] == (
        "/**\n * Run y from `a`.\n *\n * @param {*} a - Kept as `this.a`.\n */\n"
    )
    assert shown["ts"] == (
        "/**\n * Return f from `a` and `b`.\n *\n * @param a - Returned as it is.\n"
        " * @param b - Taken and not used; `undefined` by default.\n"
        " * @returns The value of `a`.\n */\n"
    )
    assert shown["rust"] == (
        "/// Return f, `g(a)`.\n///\n/// # Arguments\n///\n/// * `a` - Passed to `g`.\n"
        "/// * `(b, c)` - Taken and not used.\n///\n/// # Returns\n///\n/// The value of `g(a)`.\n"
    )
    assert shown["go"] == (
        "// F returns `g(a), nil`.\n//\n// Parameters:\n//   - a: Passed to `g`.\n"
        "//   - b: Taken and not used.\n"
        "//   - c: Further positional arguments, taken and not used.\n//\n"
        "// Returns: The value of `g(a), nil`.\n"
    )
    assert shown["java"] == (
        "/**\n   * Return f, {@code g.h(a)}.\n   *\n"
        "   * @param <T> A type that the caller chooses.\n"
        "   * @param a Tested by {@code a == null}.\n"
        "   * @param b Further positional arguments, taken and not used.\n"
        "   * @return The value of {@code g.h(a)}.\n   * @throws E If {@code a == null}.\n   */\n  "
    )
    assert shown["c"] == (
        "/**\n * @brief Return f, `s[n]`.\n *\n * @param s Indexed as `s[n]`.\n"
        " * @param n Picks from `s`.\n"
        " * @param ... Further positional arguments, taken and not used.\n"
        " * @return The value of `s[n]`.\n */\n"
    )


def test_doxygen_follows_the_signs_of_the_file() -> None:
    """`///` and a backslash where the file's comments have them."""
    text = "/// \\brief Ours.\n/// \\param a Ours.\nint g(int a);\nint f(int a);\n"
    _, proposal = _propose("cpp", text, "f")

    assert proposal.change.text.startswith("/// \\brief Return f from `a`.\n///\n/// \\param a ")


def test_no_description_consists_of_names_alone() -> None:
    """Each says more than the words of its name, its type and its function, in every case."""
    for language, text, name, _ in CASES.values():
        _, proposal = _propose(language, text, name)
        facts = proposal.facts
        names = [facts.name, facts.owner or "", facts.return_annotation or ""]
        assert own_words(proposal.content.summary, names), (text, proposal.content.summary)
        for section in proposal.content.sections:
            for entry in section.entries:
                assert own_words(entry.text, [*names, entry.name, entry.type]), entry


def test_what_is_described_twice_or_not_at_all_is_seen() -> None:
    """The proof that a proposal must pass."""
    _, facts = _read(_document("javascript", "function f(a) { return a; }\n"), "f")
    whole = "/**\n * @param {*} a - A.\n * @returns {*} It.\n */"
    _, proposal = _propose("javascript", "function f(a) { return a; }\n", "f")

    assert described_once(read_comment(whole, proposal.style), facts)
    twice = whole.replace(" * @returns", " * @param {*} [a=1] - B.\n * @returns")
    assert not described_once(read_comment(twice, proposal.style), facts)
    assert not described_once(read_comment(whole.replace("@returns", ""), proposal.style), facts)
