"""How much of the prompt stays in the KV cache, over the wire, with the model that ships."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.read_ahead import REST_S
from tests.lsp_server.conftest import TIMEOUT_S

HEAD = "def name_{0}(argument):\n    value = argument * {0}\n    return value\n\n\n"
LONG = "".join(HEAD.format(number) for number in range(1000))  # 5,000 lines
MIDDLE = 2501  # a line of it: "    value = ..."
MOST = 0.9


class Typist:
    """Edits one document and asks for a completion after each step."""

    def __init__(self, client: Any, uri: str, text: str, line: int) -> None:
        self.client = client
        self.uri = uri
        self.lines = text.split("\n")
        self.line = line
        self.column = len(self.lines[line])
        client.open(uri, text)

    def insert(self, before: str, behind: str = "") -> float:
        """Insert on both sides of the cursor, as editors do with brackets."""
        client, old = self.client, self.lines[self.line]
        client.change(self.uri, self.line, self.column, self.column, before + behind)
        text = old[: self.column] + before + behind + old[self.column :]
        self.lines[self.line : self.line + 1] = text.split("\n")
        self.line += before.count("\n")
        self.column = len(before.rpartition("\n")[2]) + (0 if "\n" in before else self.column)
        return self.share()

    def go_to(self, line: int) -> float:
        """Move to the end of another line."""
        self.line, self.column = line, len(self.lines[line])
        return self.share()

    def ask(self) -> Any:
        place = {"line": self.line, "character": self.column}
        params = {"textDocument": {"uri": self.uri}, "position": place, "maxTokens": 8}
        return self.client.result("mixline/complete", params)

    def share(self) -> float:
        """Return how much of the prompt came from the cache."""
        report = self.ask()
        cached: float = report["cached_tokens"] / report["prompt_tokens"]
        return cached


@pytest.fixture
def typist(client: Any) -> Typist:
    typist = Typist(client, "file:///work/long.py", LONG, MIDDLE)
    typist.ask()
    return typist


@pytest.fixture
def restless(client: Any) -> Iterator[None]:
    """The server reads nothing ahead: on a busy machine two keys lie a rest apart."""
    client.notify("workspace/didChangeConfiguration", {"settings": {"readAhead": False}})
    yield
    client.notify("workspace/didChangeConfiguration", {"settings": {"readAhead": True}})


@pytest.mark.usefixtures("restless")
def test_typing_enter_and_brackets_leave_the_prompt_as_it_is(typist: Typist) -> None:
    """Each key, also one for which the editor adds a closer, and Enter between two lines."""
    shares = [typist.insert(key) for key in ("\n    ", "v", "alue = call")]
    shares += [typist.insert("(", ")"), typist.insert("item"), typist.insert(", [", "]")]

    assert min(shares) > MOST


@pytest.mark.usefixtures("restless")
def test_an_accepted_suggestion_is_in_the_cache(typist: Typist) -> None:
    """What was generated need not be read again."""
    typist.insert("\n    value = value +")
    text = typist.ask()["text"]

    assert text.strip()
    assert typist.insert(text) > MOST


@pytest.mark.usefixtures("restless")
def test_neighbouring_lines_share_a_prompt(typist: Typist) -> None:
    """One line down, two lines up, and back."""
    moves = [MIDDLE + 1, MIDDLE - 1, MIDDLE - 2, MIDDLE]

    assert min(typist.go_to(line) for line in moves) > MOST


@pytest.mark.usefixtures("restless")
def test_coming_back_from_the_top_of_the_file(typist: Typist) -> None:
    """An import is added there; the place left behind is still in the cache."""
    typist.go_to(0)
    typist.line, typist.column = 0, 0
    typist.insert("import json\n")

    assert typist.go_to(MIDDLE + 1) > MOST


@pytest.mark.usefixtures("restless")
def test_switching_between_six_files(client: Any) -> None:
    """Each of them keeps its prompt, within the token budget."""
    typists = [
        Typist(client, f"file:///work/file_{number}.py", LONG.replace("name", f"n_{number}_"), 100)
        for number in range(6)
    ]
    first = [typist.share() for typist in typists]
    second = [typist.insert("  # new") for typist in typists]
    engine = client.status()["engine"]

    assert max(first) < 1 - MOST
    assert min(second) > MOST
    assert engine["kv_tokens"] <= engine["kv_budget_tokens"]


def read_ahead_tokens(client: Any) -> int:
    tokens: int = client.status()["engine"]["read_ahead_tokens"]
    return tokens


def wait_until_read(client: Any, before: int) -> None:
    """Wait until something was read ahead, and another rest brings nothing more."""
    client.wait_engine(lambda engine: engine["read_ahead_tokens"] > before)
    while (read := read_ahead_tokens(client)) > before:
        before = read
        time.sleep(3 * REST_S)
        client.generations_at_rest()


def wait_until_nothing_is_to_be_read(client: Any) -> int:
    """Wait until the rest behind the last message is over, and return what was ever read."""
    end = time.monotonic() + TIMEOUT_S
    while client.status()["reading_ahead"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    return read_ahead_tokens(client)


def test_an_opened_file_is_read_at_its_end(client: Any) -> None:
    """Before anybody asks; the first request there finds its prompt in the cache."""
    before = read_ahead_tokens(client)
    text = LONG.replace("name", "opened").rstrip("\n") + "\n"
    typist = Typist(client, "file:///work/opened.py", text, text.count("\n"))
    wait_until_read(client, before)

    assert client.status()["engine"]["generations"] == 0
    assert typist.share() > MOST


def test_a_paste_is_read_while_the_user_rests(typist: Typist) -> None:
    """Far from any place asked for before, and without a request."""
    client, before = typist.client, read_ahead_tokens(typist.client)
    line = MIDDLE - 1000
    assert typist.lines[line].startswith("    value")
    client.change(typist.uri, line, 0, len(typist.lines[line]), "    value = pasted")
    wait_until_read(client, before)
    typist.lines[line] = "    value = pasted"

    assert typist.go_to(line) > MOST


def test_at_rest_the_true_suffix_is_shown_again(typist: Typist) -> None:
    """A step to another line leaves the prompt as it is; a rest there makes it right."""
    before = read_ahead_tokens(typist.client)
    assert typist.go_to(MIDDLE + 1) > MOST
    wait_until_read(typist.client, before)

    assert typist.share() > MOST
    assert typist.insert("  # here") > MOST


def test_a_state_is_read_once(typist: Typist) -> None:
    """The same request again and again: nothing more is read, at rest the server does nothing."""
    before = wait_until_nothing_is_to_be_read(typist.client)
    typist.ask()

    assert typist.client.status()["reading_ahead"]
    assert wait_until_nothing_is_to_be_read(typist.client) == before


def test_reading_ahead_can_be_switched_off(servers: Any, shipped_model: Path) -> None:
    """By a setting."""
    client = servers.stdio(shipped_model)
    client.initialize(initializationOptions={"settings": {"readAhead": False}})
    client.wait_ready()
    client.open("file:///work/off.py", LONG)

    assert wait_until_nothing_is_to_be_read(client) == 0
    client.notify("workspace/didChangeConfiguration", {"settings": {"readAhead": True}})
    client.open("file:///work/on.py", LONG)
    assert wait_until_nothing_is_to_be_read(client) > 0


def test_quotations_of_other_files_stay_while_somebody_types(
    servers: Any, shipped_model: Path, tmp_path: Path
) -> None:
    """They come at a rest, not with a request; keys and further rests leave the prompt as it is."""
    client = servers.stdio(shipped_model)
    settings = {"settings": {"otherFiles": "always"}}
    client.initialize(rootUri=tmp_path.as_uri(), initializationOptions=settings)
    client.wait_ready()
    (tmp_path / "orders.py").write_text("def load_orders(path: str) -> list[int]:\n    return []\n")
    text = "from orders import load_orders\n\n\n" + LONG + "\norders = load_orders(PATH)\n"
    before = read_ahead_tokens(client)
    typist = Typist(client, (tmp_path / "cart.py").as_uri(), text, text.count("\n") - 1)
    without = typist.ask()["prompt_tokens"]
    # What is quoted comes first, so all of the prompt is new.
    wait_until_read(client, before + without)
    quoting = typist.ask()
    shares = []
    for key in ("\n", "first = "):
        shares.append(typist.insert(key))
        time.sleep(1.5 * REST_S)
    shares.append(typist.share())

    assert quoting["prompt_tokens"] > without
    assert quoting["cached_tokens"] > MOST * quoting["prompt_tokens"]
    assert min(shares) > MOST
