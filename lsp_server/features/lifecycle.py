"""initialize, initialized, settings and workspace folders: what the client is and wants."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import from_fs_path

from lsp_server.client_process import watch_process
from lsp_server.features import completion_fallback, watched_files
from lsp_server.features.mixline_requests import Wire
from lsp_server.features.progress import follow_loading
from lsp_server.positions import PositionEncoding
from lsp_server.server import MixlineServer, show_message
from lsp_server.session import folder_paths
from lsp_server.settings import CompletionFallback, Settings, parse_settings

_log = logging.getLogger(__name__)
_SECTION = "mixline"
# No setting: what a folder's own configuration could say of itself is worth nothing.
TRUST_CHANGED = "mixline/didChangeTrust"


def register(server: MixlineServer) -> None:
    """Follow the life of the connection."""
    start = _Start(server)

    # Plain functions, since pygls writes attributes on its handlers.
    def initialize(params: types.InitializeParams) -> None:
        start.initialize(params)

    def initialized(_: types.InitializedParams) -> None:
        start.initialized()

    def configuration_changed(params: types.DidChangeConfigurationParams) -> None:
        start.configuration_changed(params.settings)

    def folders_changed(params: types.DidChangeWorkspaceFoldersParams) -> None:
        server.session.change_folders(
            [folder.uri for folder in params.event.added],
            [folder.uri for folder in params.event.removed],
        )

    def trust_changed(params: Wire) -> None:
        trusted = isinstance(params, Mapping) and params.get("trusted") is True
        server.session.trusted = trusted
        _log.info("the workspace is trusted" if trusted else "the workspace is not trusted")

    server.feature(types.INITIALIZE)(initialize)
    server.feature(types.INITIALIZED)(initialized)
    server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)(configuration_changed)
    server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)(folders_changed)
    server.feature(TRUST_CHANGED)(trust_changed)


class _Start:
    """What the handlers share: settings that came with `initialize` are the base of all later."""

    def __init__(self, server: MixlineServer) -> None:
        self._server = server
        self._base = Settings()
        self._tasks: set[asyncio.Task[None]] = set()

    def initialize(self, params: types.InitializeParams) -> None:
        server = self._server
        encoding = server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        server.session.encoding = PositionEncoding(
            encoding.value if isinstance(encoding, types.PositionEncodingKind) else encoding
        )
        options = params.initialization_options
        given = options if isinstance(options, Mapping) else {}
        server.session.trusted = given.get("trusted") is True
        wire = given.get("settings")
        self._base, problems = parse_settings(wire, Settings())
        for problem in problems:
            _log.warning("initializationOptions.settings: %s", problem)
        server.session.apply_settings(self._base)
        server.session.set_folders(folder_paths(_folder_uris(params)))
        if _needs_fallback(params.capabilities, self._base.completion_fallback):
            completion_fallback.register(server)
        loop = asyncio.get_running_loop()
        unwatch = watch_process(params.process_id or 0, server.protocol.ended, loop)
        if unwatch is not None:
            server.on_close.append(unwatch)

    def initialized(self) -> None:
        follow_loading(self._server)
        self._server.session.workspace.start()
        self._run(self._register_and_pull())

    def configuration_changed(self, sent: object) -> None:
        if self._can_pull():
            self._run(self._pull())
        elif isinstance(sent, Mapping):
            self._apply(sent.get(_SECTION, sent))

    def _can_pull(self) -> bool:
        workspace = self._server.client_capabilities.workspace
        return workspace is not None and bool(workspace.configuration)

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _register_and_pull(self) -> None:
        workspace = self._server.client_capabilities.workspace
        changes = workspace.did_change_configuration if workspace is not None else None
        if changes is not None and changes.dynamic_registration:
            registration = types.Registration(
                id="mixline-configuration",
                method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                register_options={"section": _SECTION},
            )
            try:
                await self._server.client_register_capability_async(
                    types.RegistrationParams(registrations=[registration])
                )
            except JsonRpcException as error:
                _log.warning("the client will not tell of changed settings: %s", error.code)
        if self._can_pull():
            await self._pull()
        await watched_files.watch(self._server)

    async def _pull(self) -> None:
        item = types.ConfigurationItem(section=_SECTION)
        try:
            answer = await self._server.workspace_configuration_async(
                types.ConfigurationParams(items=[item])
            )
        except JsonRpcException as error:
            _log.warning("the client has refused to give its settings: %s", error.code)
            return
        if answer:
            self._apply(answer[0])

    def _apply(self, wire: object) -> None:
        settings, problems = parse_settings(wire, self._base)
        for problem in problems:
            show_message(self._server, types.MessageType.Warning, problem)
        if settings != self._server.session.settings:
            self._server.session.apply_settings(settings)
            self._server.scheduler.settings_changed()


def _folder_uris(params: types.InitializeParams) -> list[str]:
    if params.workspace_folders:
        return [folder.uri for folder in params.workspace_folders]
    if params.root_uri:
        return [params.root_uri]
    root = from_fs_path(params.root_path) if params.root_path else None
    return [root] if root else []


def _needs_fallback(capabilities: types.ClientCapabilities, setting: CompletionFallback) -> bool:
    document = capabilities.text_document
    has_inline = document is not None and document.inline_completion is not None
    return setting is CompletionFallback.ALWAYS or (
        setting is CompletionFallback.AUTO and not has_inline
    )
