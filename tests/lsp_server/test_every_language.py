"""The same rules in every language: syntax borders, overlap, indentation, with and without grammar.

Places are written with a `|` where the cursor stands.
"""

from dataclasses import dataclass

import pytest

from inference import CompletionRequest
from lsp_server.completion import build_request
from lsp_server.document import Document, Point
from lsp_server.postprocess.judge import judge
from lsp_server.postprocess.overlap import Insertion
from lsp_server.postprocess.reject import RejectReason
from lsp_server.settings import Settings
from lsp_server.syntax.guard import SyntaxGuard
from lsp_server.syntax.parsing import SyntaxTrees, region_around
from lsp_server.syntax.place import Kind

pytestmark = pytest.mark.usefixtures("patient_parser")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Places of one language."""

    language: str  # as LSP clients call it
    body: str  # an empty line in the body of a definition
    line: str  # what belongs there
    closing: str  # lines that end with what stands behind the body already
    broken: str  # what may not stand there
    call: tuple[str, str]  # a place before closers that the editor inserted, what repeats them
    comment: str
    string: str


SAMPLES = {
    "python": Sample(
        language="python",
        body="def f(a):\n    |\n    return a\n",
        line="a += 1",
        closing="a += 1\n    return a",
        broken="g(",
        call=("def f(a):\n    g(|)\n", "a, 1)"),
        comment="x = 1  # a|\n",
        string='x = "a|"\n',
    ),
    "javascript": Sample(
        language="javascript",
        body="function f(a) {\n  |\n}\n",
        line="return a;",
        closing="return a;\n}",
        broken="if (a) {",
        call=("function f(a) {\n  g(|);\n}\n", "a, 1);"),
        comment="let x = 1; // a|\n",
        string='let x = "a|";\n',
    ),
    "typescript": Sample(
        language="typescript",
        body="function f(a: number): number {\n  |\n}\n",
        line="return a as number;",
        closing="return a;\n}",
        broken="if (a) {",
        call=("function f(a: number) {\n  g(|);\n}\n", "a, 1);"),
        comment="let x: number; // a|\n",
        string='let x: string = "a|";\n',
    ),
    "tsx": Sample(
        language="typescriptreact",
        body="function F(a: number) {\n  |\n}\n",
        line="return <p>{a}</p>;",
        closing="return <p>{a}</p>;\n}",
        broken="return <p>{a};",
        call=("const a = <p>|</p>;\n", "{b}</p>;"),
        comment="let x: number; // a|\n",
        string='let x = <p id="a|" />;\n',
    ),
    "rust": Sample(
        language="rust",
        body="fn f(a: u8) -> u8 {\n    |\n}\n",
        line="a + 1",
        closing="a + 1\n}",
        broken="if a {",
        call=("fn f(a: u8) {\n    g(|);\n}\n", "a, 1);"),
        comment="// a|\nfn f() {}\n",
        string='const A: &str = "a|";\n',
    ),
    "go": Sample(
        language="go",
        body="package p\n\nfunc f(a int) int {\n\t|\n}\n",
        line="return a",
        closing="return a\n}",
        broken="if a {",
        call=("package p\n\nfunc f(a int) {\n\tg(|)\n}\n", "a, 1)"),
        comment="package p // a|\n",
        string='package p\n\nvar x = "a|"\n',
    ),
    "java": Sample(
        language="java",
        body="class A {\n    int f(int a) {\n        |\n    }\n}\n",
        line="return a;",
        closing="return a;\n    }",
        broken="if (a) {",
        call=("class A {\n    void f(int a) {\n        g(|);\n    }\n}\n", "a, 1);"),
        comment="class A {} // a|\n",
        string='class A {\n    String s = "a|";\n}\n',
    ),
    "c": Sample(
        language="c",
        body="int f(int a) {\n    |\n}\n",
        line="return a;",
        closing="return a;\n}",
        broken="if (a) {",
        call=("void f(int a) {\n    g(|);\n}\n", "a, 1);"),
        comment="int x; // a|\n",
        string='char *s = "a|";\n',
    ),
    "cpp": Sample(
        language="cpp",
        body="int f(int a) {\n    |\n}\n",
        line="return a;",
        closing="return a;\n}",
        broken="if (a) {",
        call=("void f(int a) {\n    g(|);\n}\n", "a, 1);"),
        comment="int x; // a|\n",
        string='auto s = "a|";\n',
    ),
    "csharp": Sample(
        language="csharp",
        body="class A {\n    int F(int a) {\n        |\n    }\n}\n",
        line="return a;",
        closing="return a;\n    }",
        broken="if (a) {",
        call=("class A {\n    void F(int a) {\n        G(|);\n    }\n}\n", "a, 1);"),
        comment="class A {} // a|\n",
        string='class A {\n    string s = "a|";\n}\n',
    ),
    "bash": Sample(
        language="shellscript",
        body="if true; then\n  |\nfi\n",
        line='echo "$1"',
        closing='echo "$1"\nfi',
        broken="if true; then",
        call=('x="$(date |)"\n', '+%s)"'),
        comment="ls # a|\n",
        string='x="a|"\n',
    ),
    "json": Sample(
        language="json",
        body="{\n  |\n}\n",
        line='"a": 1',
        closing='"a": 1\n}',
        broken='"a": [1',
        call=('{"a": [1|]}\n', ", 2]}"),
        comment='{"a": 1 // b|\n}\n',
        string='{"a": "b|"}\n',
    ),
    "html": Sample(
        language="html",
        body="<div>\n  |\n</div>\n",
        line="<p>a</p>",
        closing="<p>a</p>\n</div>",
        broken="<p",
        call=("<p>|</p>\n", "<b>a</b></p>"),
        comment="<!-- a| -->\n",
        string='<p class="a|"></p>\n',
    ),
    "css": Sample(
        language="css",
        body="a {\n  |\n}\n",
        line="color: red;",
        closing="color: red;\n}",
        broken="color: rgb(1",
        call=("a { color: rgb(|); }\n".replace("; }", ""), "1, 2, 3)"),
        comment="/* a| */\n",
        string='a { content: "b|"; }\n',
    ),
}  # fmt: skip
WITHOUT_GRAMMAR = {
    "lua": Sample(
        language="lua",
        body="function f(a)\n  |\nend\n",
        line="return a",
        closing="return a\nend",
        broken="",
        call=("g(|)\n", "a, 1)"),
        comment="-- a|\n",
        string='x = "a|"\n',
    ),
    "no language at all": Sample(
        language="quux",
        body="to f a\n    |\ndone\n",
        line="give a",
        closing="give a\ndone",
        broken="",
        call=("g [|]\n", "a, 1]"),
        comment="",
        string="",
    ),
}
ALL = SAMPLES | WITHOUT_GRAMMAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A cursor in a document, with its syntax."""

    prefix: str
    suffix: str
    guard: SyntaxGuard

    def judged(self, text: str, *, single_line: bool = False) -> Insertion | RejectReason:
        return judge(
            text, self.prefix, self.suffix, single_line=single_line, breaks=self.guard.breaks
        )

    def request(self) -> CompletionRequest:
        return build_request(
            document="file:///a",
            path="a",
            prefix=self.prefix,
            suffix=self.suffix,
            settings=Settings(),
            explicit=False,
            syntax=self.guard,
        )


def spot(sample: Sample, marked: str) -> Spot:
    prefix, suffix = marked.split("|")
    document = Document.of_text(
        uri="file:///a", version=1, language=sample.language, text=prefix + suffix
    )
    cursor = Point(prefix.count("\n"), len(prefix) - (prefix.rfind("\n") + 1))
    return Spot(
        prefix=prefix,
        suffix=suffix,
        guard=SyntaxGuard(SyntaxTrees(), document, cursor, ""),
    )


@pytest.mark.parametrize("name", ALL)
def test_what_fits_is_shown_as_it_is(name: str) -> None:
    """A sound line in a body."""
    sample = ALL[name]

    assert spot(sample, sample.body).judged(sample.line) == Insertion(text=sample.line, absorbed=0)


@pytest.mark.parametrize("name", ALL)
def test_inserted_closers_are_absorbed(name: str) -> None:
    """What the editor closed by itself is not closed twice."""
    marked, text = ALL[name].call
    rest = marked.split("|")[1].partition("\n")[0]

    assert spot(ALL[name], marked).judged(text) == Insertion(text=text, absorbed=len(rest))


@pytest.mark.parametrize("name", ALL)
def test_the_line_below_is_not_repeated(name: str) -> None:
    """A suggestion that ends in the line that stands behind the body already ends before it."""
    sample = ALL[name]
    kept = sample.closing.rpartition("\n")[0]
    at = spot(sample, sample.body)
    next_line = sample.closing.rpartition("\n")[2].strip()

    assert at.suffix.lstrip().startswith(next_line)
    assert at.judged(sample.closing) == Insertion(text=kept, absorbed=0)
    assert isinstance(at.judged(next_line), RejectReason)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_breaks_the_syntax_is_cut_or_rejected(name: str) -> None:
    """The sound lines before it are shown; alone it is not."""
    sample = SAMPLES[name]
    at = spot(sample, sample.body)
    indentation = at.prefix.rpartition("\n")[2]
    comma = "," if name == "json" else ""
    sound = sample.line + comma

    assert at.judged(sample.broken) is RejectReason.BREAKS_SYNTAX
    if name not in {"json", "rust"}:  # whose line is the last one
        text = f"{sound}\n{indentation}{sample.broken}"

        assert at.judged(text) == Insertion(text=sound, absorbed=0)


@pytest.mark.parametrize("name", WITHOUT_GRAMMAR)
def test_without_a_grammar_nothing_is_known_of_syntax(name: str) -> None:
    """Every place is code, and no suggestion is held back for its syntax."""
    sample = WITHOUT_GRAMMAR[name]
    at = spot(sample, sample.body)

    assert at.guard.kind is Kind.CODE
    assert at.judged("(((") == Insertion(text="(((", absorbed=0)


@pytest.mark.parametrize("name", ALL)
def test_indentation_is_that_of_the_document(name: str) -> None:
    """Lines with tabs get blanks in a document of blanks, and the other way round."""
    sample = ALL[name]
    at = spot(sample, sample.body)
    indentation = at.prefix.rpartition("\n")[2]
    levels = 2 if name in {"java", "csharp"} else 1
    foreign = ("    " if "\t" in indentation else "\t") * levels
    outcome = judge(
        f"{sample.line}\n{foreign}{sample.line}", at.prefix, at.suffix, single_line=False
    )

    assert outcome == Insertion(text=f"{sample.line}\n{indentation}{sample.line}", absorbed=0)


@pytest.mark.parametrize("name", SAMPLES)
def test_comments_and_strings_are_no_code(name: str) -> None:
    """The kind of text at the cursor, for which the gate and the number of lines differ."""
    sample = SAMPLES[name]

    assert spot(sample, sample.body).guard.kind is Kind.CODE
    assert spot(sample, sample.comment).guard.kind is Kind.COMMENT
    assert spot(sample, sample.string).guard.kind is Kind.STRING
    assert spot(sample, sample.body).request().multi_line
    assert not spot(sample, sample.comment).request().multi_line


@pytest.mark.parametrize("name", SAMPLES)
def test_the_border_of_what_is_parsed_is_the_beginning_of_a_definition(name: str) -> None:
    """In a document of 1 MB the syntax around the cursor is that of a short one."""
    sample = SAMPLES[name]
    prefix, suffix = sample.body.split("|")
    copies = 1_000_000 // len(sample.body)
    whole = prefix + sample.line + suffix
    before, behind = whole * (copies // 2), whole * (copies // 2)
    at = spot(sample, f"{before}{prefix}|{suffix}{behind}")
    lines = (before + prefix).count("\n")
    document = Document.of_text(
        uri="file:///a",
        version=1,
        language=sample.language,
        text=before + prefix + suffix + behind,
    )
    region = region_around(document, Point(lines, len(prefix.rpartition("\n")[2])), "")

    assert region is not None
    assert not region.before[:1].isspace()
    assert len(region.source) < 130_000
    assert at.guard.kind is Kind.CODE
    assert at.judged(sample.line) == Insertion(text=sample.line, absorbed=0)
    assert at.judged(sample.broken) is RejectReason.BREAKS_SYNTAX
