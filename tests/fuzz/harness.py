"""Sessions around one operator, cases for them, and the verdict on what an operator made of each.

A round is one session: attributes, which optional inputs there are, a kernel, a number of threads.
Its cases vary shapes and values. What an operator has to refuse is said by the round, from the
documented rules, not by the operator.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import onnx.parser
import onnxruntime as ort

from inference.ops import library
from tests.fuzz.memory import Arena

Array = npt.NDArray[Any]
Attributes = Mapping[str, int | float | str]
_TYPES: Final = {"float32": "float", "int32": "int32", "uint8": "uint8", "int8": "int8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call, and what has to come of it."""

    feeds: dict[str, Array]
    outputs: dict[str, Array]  # of the right type and shape, filled with what must be overwritten
    refused: bool  # else it has to succeed
    aliases: dict[str, str] = field(default_factory=dict)  # output -> input with the same memory
    check: Callable[[dict[str, Array]], str] = field(default=lambda _: "")  # "": values are right


class Round(Protocol):
    """One session's worth of cases."""

    op: str
    attributes: Attributes
    inputs: dict[str, str]  # name -> dtype, in the operator's order; "" for one that is left out
    outputs: dict[str, str]  # name -> dtype
    refused: bool  # the attributes alone are wrong

    def case(self, rng: np.random.Generator) -> Case:
        """Draw one."""


def session_of(one: Round, kernel: str, threads: int) -> ort.InferenceSession:
    """Open a session whose inputs have types but no shapes; raises what ONNX Runtime raises."""
    listed = ", ".join(
        f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value!r}"
        for name, value in one.attributes.items()
    )
    declared = ", ".join(f"{_TYPES[dtype]} {name}" for name, dtype in one.inputs.items() if dtype)
    results = ", ".join(f"{_TYPES[dtype]} {name}" for name, dtype in one.outputs.items())
    model = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 21, "mixline": 1]>\n'
        f"graph ({declared}) => ({results})\n"
        f"{{ {', '.join(one.outputs)} = mixline.{one.op} <{listed}> () }}"
    )
    names = [name if dtype else "" for name, dtype in one.inputs.items()]
    model.graph.node[0].input.extend(names)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.ClearField("shape")
    options = ort.SessionOptions()
    options.register_custom_ops_library(str(library.library_path()))
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False  # a block of its own for each request, with red zones
    os.environ["MIXLINE_ISA"] = kernel
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run_round(one: Round, rng: np.random.Generator, cases: int) -> Iterator[str]:
    """Run a round; yield "" for each case that went as it has to, else what was wrong."""
    kernel = str(rng.choice(library.available_kernels()))
    try:
        session = session_of(one, kernel, int(rng.integers(1, 4)))
    except Exception as error:  # noqa: BLE001 - ONNX Runtime's errors derive from Exception alone
        yield _refusal(error) if one.refused else f"session refused: {error}"
        return
    if one.refused:
        yield "session opened with wrong attributes"
        return
    arenas = {name: Arena() for name in (*one.inputs, *one.outputs)}
    for _ in range(cases):
        case = one.case(rng)
        # Half of the arrays end at a forbidden page, half are blocks that a sanitizer watches.
        hold = rng.random() < 0.5
        feeds = {n: arenas[n].hold(a) if hold else a.copy() for n, a in case.feeds.items()}
        outputs = {n: arenas[n].hold(a) if hold else a.copy() for n, a in case.outputs.items()}
        told = _run(session, case, feeds, outputs)
        yield f"{told} [{kernel}, {_shapes(case.feeds)}]" if told else ""


def _run(
    session: ort.InferenceSession, case: Case, feeds: dict[str, Array], outputs: dict[str, Array]
) -> str:
    try:
        if case.refused or not all(a.size for a in (*feeds.values(), *outputs.values())):
            made = dict(zip(outputs, session.run(None, feeds), strict=True))
        else:
            outputs |= {name: feeds[alias] for name, alias in case.aliases.items()}
            made = _run_in_place(session, feeds, outputs)
    except Exception as error:  # noqa: BLE001 - as above
        return _refusal(error) if case.refused else f"refused: {error}"
    if case.refused:
        return "not refused"
    for name, array in case.outputs.items():
        if made[name].shape != array.shape or made[name].dtype != array.dtype:
            return f"{name}: {made[name].dtype} {made[name].shape} instead of {array.shape}"
    for name, array in case.feeds.items():
        written = name in case.aliases.values()  # then `check` says what must stay
        if not written and feeds[name].tobytes() != array.tobytes():
            return f"{name}: an input was written to"
    return case.check(made)


def _run_in_place(
    session: ort.InferenceSession, feeds: dict[str, Array], outputs: dict[str, Array]
) -> dict[str, Array]:
    """Let the operator read and write exactly these arrays."""
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    session.run_with_iobinding(binding)
    return outputs


def _refusal(error: Exception) -> str:
    """Return "" if the message says what was expected and what was found."""
    text = str(error)
    told = "expected" in text and ("got" in text or "found" in text)
    return "" if told else f"refused without 'expected ... got ...': {text}"


def _shapes(feeds: dict[str, Array]) -> str:
    return ", ".join(f"{name} {list(array.shape)}" for name, array in feeds.items())


def reshape_randomly(array: Array, rng: np.random.Generator) -> Array:
    """Return zeros of a shape that differs in one dimension, or in the rank."""
    shape = list(array.shape)
    axis = int(rng.integers(0, len(shape))) if shape else 0
    match int(rng.integers(0, 5)):
        case 0 if shape:
            shape[axis] += 1
        case 1 if shape:
            shape[axis] = max(0, shape[axis] - 1)
        case 2 if shape:
            shape[axis] = 0
        case 3 if shape:
            del shape[axis]
        case _:
            shape.insert(axis, int(rng.integers(1, 3)))
    return np.zeros(shape, array.dtype)
