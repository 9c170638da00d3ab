"""Files whose text must never reach the model: keys, credentials, environment files."""

from collections.abc import Iterable

from pathspec import GitIgnoreSpec

from lsp_server.context.gitignore import compile_patterns

# Patterns of .gitignore's kind, matched without regard to case against the absolute path.
SECRETS = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.pkcs12",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "*.gpg",
    "*.pgp",
    "*.asc",
    "*.ovpn",
    "*.tfstate",
    "*.tfstate.*",
    "*.tfvars",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".ssh/",
    ".gnupg/",
    ".aws/",
    ".azure/accesstokens.json",
    ".azure/msal_token_cache.*",
    ".kube/",
    ".docker/config.json",
    ".git/config",
    ".git-credentials",
    ".netrc",
    "_netrc",
    ".authinfo",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".vault-token",
    ".password-store/",
    "credentials",
    "secrets.py",
    "*.secret",
    "*.secrets",
    "*service-account*.json",
    "*service_account*.json",
    "client_secret*.json",
    "master.key",
    "/etc/shadow*",
    "/etc/gshadow*",
    *(
        f"{name}.{kind}"
        for name in ("credential", "credentials", "secret", "secrets")
        for kind in (
            "json",
            "yml",
            "yaml",
            "toml",
            "ini",
            "cfg",
            "conf",
            "xml",
            "properties",
            "txt",
        )
    ),
)


class SecretsList:
    """Decides by path alone; the file is never opened."""

    def __init__(self, extra: Iterable[str] = ()) -> None:
        lines = [_anywhere(line.lower()) for line in (*SECRETS, *extra)]
        self._patterns: GitIgnoreSpec = compile_patterns(lines)

    def __contains__(self, path: str) -> bool:
        """Tell whether a path ("/" separators) is on the list."""
        return self._patterns.match_file(path.lower().lstrip("/"))


def _anywhere(pattern: str) -> str:
    """Let a pattern of several folders match at any depth, unless it begins with a slash."""
    nested = "/" in pattern.rstrip("/") and not pattern.startswith(("/", "**/", "!"))
    return f"**/{pattern}" if nested else pattern
