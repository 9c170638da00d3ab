"""workspace/didChangeWatchedFiles: what happens on disk, where the client can watch it."""

import logging

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from lsp_server.context.admission import path_of_uri
from lsp_server.server import MixlineServer

_log = logging.getLogger(__name__)


def register(server: MixlineServer) -> None:
    """Follow changes on disk."""

    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        paths = [path_of_uri(change.uri) for change in params.changes]
        server.session.files_changed(path for path in paths if path is not None)

    server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)(did_change_watched_files)


async def watch(server: MixlineServer) -> None:
    """Ask the client to watch the workspace, if it can be asked."""
    workspace = server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace is not None else None
    if watching is None or not watching.dynamic_registration:
        return
    options = types.DidChangeWatchedFilesRegistrationOptions(
        watchers=[types.FileSystemWatcher(glob_pattern="**/*")]
    )
    registration = types.Registration(
        id="mixline-watched-files",
        method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
        register_options=options,
    )
    try:
        await server.client_register_capability_async(
            types.RegistrationParams(registrations=[registration])
        )
    except JsonRpcException as error:
        _log.warning("the client will not tell of changed files: %s", error.code)
        return
    server.session.workspace.client_watches()
