"""llama.cpp in a process of its own, one request a line: what `llama-server` does for `/infill`.

Run as `python -m evaluation.keystrokes.llama_process MODEL.gguf CONTEXT THREADS`. It reads JSON
objects `{prompt, n_predict, n_indent, t_max_predict_ms}` with token ids as the prompt and answers
each with `{content, prompt_tokens, cached_tokens, generated_tokens}`. As the server it keeps the
common prefix of the last prompt, shifts pieces of 256 tokens and more that stand elsewhere in the
next one, samples by top-k, top-p and the infill rule, and applies time and indentation limits from
the first new line on.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

_REUSE_TOKENS: Final = 256  # `--cache-reuse 256`, as its presets for completion have it
_TOP_K: Final = 40
_TOP_P: Final = 0.9
_NUM_MARKERS: Final = 16  # of our vocabulary: none of them is text


class LlamaProcess:
    """One model and its cache of keys and values."""

    def __init__(self, path: str, context: int, threads: int) -> None:
        import llama_cpp  # noqa: PLC0415 - only this process needs it

        self._lib: Any = llama_cpp
        self._llama: Any = llama_cpp.Llama(
            path, n_ctx=context, n_threads=threads, n_threads_batch=threads, verbose=False
        )
        self._vocab = llama_cpp.llama_model_get_vocab(self._llama.model)
        self._sampler = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        for part in (
            llama_cpp.llama_sampler_init_top_k(_TOP_K),
            llama_cpp.llama_sampler_init_top_p(_TOP_P, 1),
            llama_cpp.llama_sampler_init_infill(self._vocab),
            llama_cpp.llama_sampler_init_dist(0),
        ):
            llama_cpp.llama_sampler_chain_add(self._sampler, part)
        self._held: list[int] = []  # the tokens whose keys and values are in memory

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one request to its end."""
        prompt: list[int] = request["prompt"]
        cached = self._reuse(prompt)
        self._llama.n_tokens = cached
        self._llama.eval(prompt[cached:])
        self._held = list(prompt)
        content, generated = b"", 0
        for token in self._tokens(request["n_predict"]):
            generated += 1
            content += self._llama.detokenize([token], special=False)
            if self._is_over(content.decode("utf-8", "ignore"), request):
                break
        return {
            "content": _less_shallow_line(content.decode("utf-8", "ignore"), request["n_indent"]),
            "prompt_tokens": len(prompt),
            "cached_tokens": cached,
            "generated_tokens": generated,
        }

    def _tokens(self, limit: int) -> Iterator[int]:
        self._began = time.perf_counter()
        for _ in range(limit):
            context = self._llama._ctx.ctx  # noqa: SLF001 - the package offers no other way
            token = int(self._lib.llama_sampler_sample(self._sampler, context, -1))
            if token < _NUM_MARKERS or self._lib.llama_vocab_is_eog(self._vocab, token):
                return
            yield token
            self._llama.eval([token])
            self._held.append(token)

    def _is_over(self, content: str, request: dict[str, Any]) -> bool:
        """Judge as the server does: nothing is over before the first new line."""
        if "\n" not in content:
            return False
        spent_ms = (time.perf_counter() - self._began) * 1e3
        too_long = spent_ms > request["t_max_predict_ms"]
        return too_long or _less_shallow_line(content, request["n_indent"]) != content

    def _reuse(self, prompt: list[int]) -> int:
        """Keep what the prompt shares with the last one; return how many tokens it need not run."""
        held, end = self._held, len(prompt) - 1
        kept = 0
        while kept < min(len(held), end) and held[kept] == prompt[kept]:
            kept += 1
        memory = self._lib.llama_get_memory(self._llama._ctx.ctx)  # noqa: SLF001 - likewise
        at = kept  # in what is held
        while at < len(held) and kept < end:
            length = 0
            while (
                at + length < len(held)
                and kept + length < end
                and held[at + length] == prompt[kept + length]
            ):
                length += 1
            if length < _REUSE_TOKENS:
                at += 1
                continue
            self._lib.llama_memory_seq_rm(memory, 0, kept, at)
            self._lib.llama_memory_seq_add(memory, 0, at, at + length, kept - at)
            at += length
            kept += length
        return kept


def _less_shallow_line(content: str, indent: int) -> str:
    """Cut before a line whose text stands left of the cursor's line; its last line may be open."""
    start = content.find("\n") + 1
    while indent and start:
        line = content[start:].partition("\n")[0]
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            return content[: start - 1]
        start = content.find("\n", start) + 1
    return content


def main() -> None:
    """Answer requests until the input ends."""
    path, context, threads = sys.argv[1:]
    process = LlamaProcess(path, int(context), int(threads))
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201 - the protocol
    for line in sys.stdin:
        print(json.dumps(process.answer(json.loads(line))), flush=True)  # noqa: T201 - likewise


if __name__ == "__main__":
    main()
