"""ResultCache: results are found along their text, the least recently used leave."""

from dataclasses import replace

from inference import Completion, CompletionRequest, FinishReason
from lsp_server.result_cache import Result, ResultCache, settled

COMPLETION = Completion(
    text="",
    finish_reason=FinishReason.LINE,
    tokens=1,
    prompt_tokens=1,
    cached_tokens=0,
    mean_logprob=0.0,
    min_logprob=0.0,
    token_ends=(0,),
    token_logprobs=(0.0,),
    drafted_tokens=0,
    ms_prefill=0.0,
    ms_decode=0.0,
)


def request(prefix: str, suffix: str = "", *, document: str = "d") -> CompletionRequest:
    return CompletionRequest(document=document, path="", prefix=prefix, suffix=suffix)


def result(prefix: str, text: str) -> Result:
    return Result(request=request(prefix), completion=COMPLETION, text=text)


def test_only_places_along_the_text_are_found() -> None:
    """Same document, same text behind the cursor, before it the text's own beginning."""
    cache = ResultCache()
    found = result("x = ", "12")
    cache.put(found)

    assert cache.find(request("x = ")) is found
    assert cache.find(request("x = 1")) is found
    for other in (
        request("x ="),
        request("x = 2"),
        request("x = 12"),  # typed to its end
        request("x = 123"),
        request("x = ", "\n"),
        request("x = ", document="e"),
    ):
        assert cache.find(other) is None


def test_the_newest_result_wins_and_old_ones_leave() -> None:
    """After 64 others a result is gone, unless it was used meanwhile."""
    cache = ResultCache()
    for text in ("old", "new"):
        cache.put(result("x", text))
    newest = cache.find(request("x"))
    assert newest is not None
    assert newest.text == "new"
    for number in range(63):
        cache.put(result(f"{number} ", "1"))
        assert cache.find(request("x")) is newest
    cache.put(result("y", "1"))

    assert cache.find(request("0 ")) is None
    assert cache.find(request("x")) is newest
    cache.forget("d")
    assert cache.find(request("x")) is None


def given_up(text: str, *logprobs: float) -> Result:
    """Return what is kept of a generation that fell below -1 nats with its last character."""
    completion = replace(
        COMPLETION,
        text=text,
        finish_reason=FinishReason.UNSURE,
        token_ends=tuple(range(1, len(text) + 1)),
        token_logprobs=logprobs,
    )
    return settled(replace(request("x = "), least_logprob=-1.0), completion)


def test_what_was_given_up_answers_as_long_as_it_would_be_again() -> None:
    """What is typed of it counts no more; an explicit request is answered by none."""
    cache = ResultCache()
    found = given_up("1234", -0.4, -0.4, -0.1, -0.3)
    cache.put(found)

    assert found.text == ""
    assert cache.find(request("x = ")) is found
    assert cache.find(request("x = 1")) is None  # 234 might do
    assert cache.find(request("x = 7")) is None
    assert cache.find(replace(request("x = "), require_text=True)) is None


def test_whole_lines_of_what_was_given_up_answer() -> None:
    """They were sure enough when they were written; the line below was not."""
    cache = ResultCache()
    found = given_up("1\n2", -0.4, -0.4, -0.9)
    cache.put(found)

    assert found.text == "1\n"
    assert cache.find(request("x = ")) is found
    assert cache.find(request("x = 1\n")) is None


def test_of_what_was_given_up_with_nothing_whole_one_is_kept() -> None:
    """There is one for nearly every key; they would drive out what can be shown."""
    cache = ResultCache()
    kept = result("y", "1")
    cache.put(kept)
    for _ in range(100):
        cache.put(given_up("1", -2.0))

    assert cache.find(request("y")) is kept
    assert cache.find(request("x = ")) is not None
