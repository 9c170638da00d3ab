"""Runs an exported Mixture-of-Experts model: prompts, keys and values, decoding, its operators."""

from inference.comparing import common_prefix
from inference.config import EngineConfig, default_threads
from inference.engine import Engine, Generation
from inference.errors import (
    ContextLengthError,
    EngineClosedError,
    MixlineError,
    ModelDirectoryError,
    OperatorLibraryError,
    RequestError,
)
from inference.model_dir import default_model
from inference.model_info import ModelInfo
from inference.request import (
    Completion,
    CompletionRequest,
    EngineStatus,
    FinishReason,
    FixTask,
    Priority,
    Reference,
    Sampling,
    Snippet,
    parse_effort,
)
from inference.workspace_index import WorkspaceIndex, WorkspaceView

__all__ = [
    "Completion",
    "CompletionRequest",
    "ContextLengthError",
    "Engine",
    "EngineClosedError",
    "EngineConfig",
    "EngineStatus",
    "FinishReason",
    "FixTask",
    "Generation",
    "MixlineError",
    "ModelDirectoryError",
    "ModelInfo",
    "OperatorLibraryError",
    "Priority",
    "Reference",
    "RequestError",
    "Sampling",
    "Snippet",
    "WorkspaceIndex",
    "WorkspaceView",
    "common_prefix",
    "default_model",
    "default_threads",
    "parse_effort",
]
