"""All names that a document may use: of its workspace, the standard library, installed packages."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Final, NamedTuple

from lsp_server.fixes.names.of_file import FileNames, Import
from lsp_server.fixes.names.stdlib import COMMON, standard_library

_PACKAGE: Final = "__init__"
_SOURCE_FOLDERS: Final = ("src", "lib", "python")
_MOST_CACHED: Final = 20_000  # files
_ALIASES: Final = {
    "np": Import("numpy", "", "np"),
    "pd": Import("pandas", "", "pd"),
    "plt": Import("matplotlib.pyplot", "", "plt"),
    "sns": Import("seaborn", "", "sns"),
    "tf": Import("tensorflow", "", "tf"),
    "sp": Import("scipy", "", "sp"),
    "nx": Import("networkx", "", "nx"),
    "sa": Import("sqlalchemy", "", "sa"),
    "jnp": Import("jax.numpy", "", "jnp"),
    "nn": Import("torch", "nn", ""),
    "ET": Import("xml.etree.ElementTree", "", "ET"),
    "mock": Import("unittest", "mock", ""),
    "dt": Import("datetime", "", "dt"),
}
# What a way to import costs, in nats, besides how often it is used.
_USED: Final = 0.0
_DEFINED: Final = 1.0
_STANDARD: Final = 0.6
_NAME: Final = 0.5  # of a module of the standard library rather than a module
_UNCOMMON: Final = 2.5  # a module that few files import: a slip of the finger is as likely
_INSTALLED: Final = 2.0
_SELDOM: Final = 1.5  # that another statement brings the name more often
_AROUND: Final = 1.5  # from a package that imports this file, as a rule
_RANK: Final = 0.15  # for each module that has the same name and is imported more often


class Way(NamedTuple):
    """An import that brings a name, and what speaks against it."""

    cost: float
    statement: Import


class Names:
    """The names of one workspace; pure: whoever makes it has read the files."""

    def __init__(
        self,
        files: Mapping[str, str],
        installed: frozenset[str] = frozenset(),
        known: "Names | None" = None,
    ) -> None:
        """Take over the files.

        Args:
            files: texts by path inside the workspace, with "/"; only Python counts.
            installed: modules of installed packages.
            known: an earlier state, whose unchanged files are not read again.
        """
        old = {} if known is None else known.read
        self.installed = installed
        self._texts = {path: text for path, text in files.items() if path.endswith((".py", ".pyi"))}
        self.read: dict[tuple[str, int], FileNames] = {}
        for path, text in self._texts.items():
            key = path, hash(text)
            self.read[key] = old.get(key) or FileNames(text)
        self._files = {path: read for (path, _), read in self.read.items()}

    @cached_property
    def modules(self) -> dict[str, str]:
        """The workspace's modules by dotted name, with their paths."""
        return {module_of(path, self._files): path for path in self._files}

    @cached_property
    def attributes(self) -> Counter[str]:
        """What stands behind a dot anywhere in the workspace, by how often."""
        total: Counter[str] = Counter()
        for read in self._files.values():
            total.update(read.attributes)
        return total

    @cached_property
    def all_members(self) -> frozenset[str]:
        """The members of all classes of the workspace."""
        return frozenset[str]().union(
            *(inside for read in self._files.values() for inside in read.members.values())
        )

    def all_modules(self, path: str) -> frozenset[str]:
        """Return the full names of all modules that are known; what `path` imports says nothing."""
        imported = {name for name, files in self._importers.items() if files - {path}}
        return frozenset(imported).union(self.modules, standard_library().modules, self.installed)

    @cached_property
    def own_packages(self) -> frozenset[str]:
        """The workspace's modules and packages at the top."""
        return frozenset(name.partition(".")[0] for name in self.modules)

    @cached_property
    def keywords(self) -> frozenset[str]:
        """Names of parameters and arguments anywhere in the workspace."""
        return frozenset[str]().union(
            *(read.keywords for read in self._files.values()),
            *(names for read in self._files.values() for names in read.parameters.values()),
        )

    @cached_property
    def all_parameters(self) -> frozenset[str]:
        """Those of the workspace and of the standard library."""
        return self.keywords.union(*standard_library().parameters.values())

    def parameters(self, function: str) -> frozenset[str]:
        """Return the parameters of all functions, methods and classes of a name."""
        own = [read.parameters.get(function, frozenset()) for read in self._files.values()]
        return frozenset[str]().union(
            *own, standard_library().parameters.get(function, frozenset())
        )

    def members(self, owner: str) -> frozenset[str]:
        """Return the members of all classes of a name."""
        own = [read.members.get(owner, frozenset()) for read in self._files.values()]
        return frozenset[str]().union(*own, standard_library().members.get(owner, frozenset()))

    def names_of(self, module: str, path: str) -> frozenset[str] | None:
        """Return what a module binds, its submodules among it; None for one that is not known.

        Args:
            module: as an import statement names it.
            path: of the file where that stands.
        """
        name = absolute(module, module_of(path, self._files), path)
        standard = standard_library().modules
        found: set[str] = set()
        if name in standard:
            found |= standard[name]
            found |= {one.rpartition(".")[2] for one in standard if one.rpartition(".")[0] == name}
        elif name in self.modules:
            read = self._files[self.modules[name]]
            found |= read.top | {one.bound for one in read.imports}
            found |= {
                one.rpartition(".")[2] for one in self.modules if one.rpartition(".")[0] == name
            }
        else:
            return None
        return frozenset(found)

    def bound_by(self, module: str) -> frozenset[str]:
        """Return what a module has without its submodules, for those of the standard library."""
        return standard_library().modules.get(module, frozenset())

    def module_exists(self, module: str, path: str) -> bool:
        """Tell whether an import can succeed, as far as can be known without trying it.

        Args:
            module: with the dots of a relative one in front.
            path: of the importing file, inside the workspace.
        """
        name = absolute(module, module_of(path, self._files), path)
        top = name.partition(".")[0]
        if name in standard_library().modules or name in self.modules or top in self.installed:
            return True
        return bool(self._importers.get(name, set()) - {path}) or name in self._packages

    @cached_property
    def _packages(self) -> frozenset[str]:
        """Folders of modules."""
        return frozenset(
            ".".join(parts[:count])
            for parts in (name.split(".") for name in self.modules)
            for count in range(1, len(parts))
        )

    @cached_property
    def _importers(self) -> dict[str, set[str]]:
        """Modules that files import, and the packages around them, with those files."""
        found: dict[str, set[str]] = {}
        for path, read in self._files.items():
            for one in read.imports:
                parts = absolute(one.module, module_of(path, self._files), path).split(".")
                for count in range(1, len(parts) + 1):
                    found.setdefault(".".join(parts[:count]), set()).add(path)
        return found

    def ways_to_import(self, name: str, path: str) -> list[Way]:
        """Return import statements that bring a name, the likeliest first.

        Args:
            name: that is missing.
            path: of the file where it is missing; what it imports itself counts nothing.
        """
        found: dict[Import, float] = {}
        for cost, statement in self._ways(name, path):
            found[statement] = min(cost, found.get(statement, cost))
        return sorted(Way(cost, statement) for statement, cost in found.items())

    def _ways(self, name: str, path: str) -> Iterator[Way]:
        here = module_of(path, self._files)
        yield from self._used(name, path, here)
        library = standard_library()
        if name in library.modules:
            yield Way(_STANDARD, Import(name, "", ""))
        for rank, module in enumerate(library.origins.get(name, ())):
            cost = _STANDARD + _NAME + _RANK * rank + (0.0 if module in COMMON else _UNCOMMON)
            yield Way(cost, Import(module, name, ""))
        for module, file in self.modules.items():
            if file != path and name in self._files[file].top and module != here:
                statement = relative(Import(module, name, ""), here, path, self._is_relative(path))
                yield Way(_DEFINED, statement)
            elif module == name:
                yield Way(_DEFINED, Import(name, "", ""))
        alias = _ALIASES.get(name)
        top = "" if alias is None else alias.module.partition(".")[0]
        if alias is not None and (top in self.installed or top in library.modules):
            yield Way(_STANDARD, alias)
        if name in self.installed:
            yield Way(_INSTALLED, Import(name, "", ""))

    def _used(self, name: str, path: str, here: str) -> Iterator[Way]:
        """Yield the statements by which other files of the workspace import the name."""
        uses: Counter[Import] = Counter()
        for file, read in self._files.items():
            if file == path:
                continue
            for one in read.imports:
                if one.bound == name and one.module != "__future__":
                    module = absolute(one.module, module_of(file, self._files), file)
                    uses[one._replace(module=module)] += 1
        most = max(uses.values(), default=1)
        is_relative = self._is_relative(path)
        for statement, count in uses.items():
            if statement.name and statement.module == here:
                continue
            cost = _USED + _SELDOM * (1 - count / most)
            if statement.name and f"{here}.".startswith(f"{statement.module}."):
                cost += _AROUND
            yield Way(cost, relative(statement, here, path, is_relative))

    def _is_relative(self, path: str) -> bool:
        """Tell whether a file imports its own package by dots; if it does not, its neighbours."""
        read = self._files.get(path)
        imports = () if read is None else read.imports
        if any(one.module.startswith(".") for one in imports):
            return True
        own = {one.module.partition(".")[0] for one in imports}
        if own & self.own_packages:
            return False
        folder = path.rpartition("/")[0]
        beside = [
            one.module.startswith(".")
            for file, other in self._files.items()
            if file.rpartition("/")[0] == folder and file != path
            for one in other.imports
            if one.module.startswith(".") or one.module.partition(".")[0] in self.own_packages
        ]
        return 2 * sum(beside) > len(beside)


def module_of(path: str, files: Iterable[str]) -> str:
    """Return the dotted name of a file's module.

    Packages reach up to the last folder that has an `__init__.py`; where there is none, the path
    counts from the workspace's folder or from `src` below it.
    """
    parts = path.rpartition(".")[0].split("/")
    known = files if isinstance(files, Mapping) else set(files)
    first = len(parts) - 1
    while first and "/".join([*parts[:first], f"{_PACKAGE}.py"]) in known:
        first -= 1
    if first == len(parts) - 1:
        first = 1 if parts[0] in _SOURCE_FOLDERS and len(parts) > 1 else 0
    parts = parts[first:]
    return ".".join(parts[:-1] if parts[-1] == _PACKAGE and len(parts) > 1 else parts)


def absolute(module: str, here: str, path: str) -> str:
    """Return the full name of a module that a file imports.

    Args:
        module: with the dots of a relative one in front.
        here: the importing file's module.
        path: of that file.
    """
    name = module.lstrip(".")
    dots = len(module) - len(name)
    if not dots:
        return module
    package = here.split(".")
    if not path.rpartition("/")[2].startswith(f"{_PACKAGE}."):
        package = package[:-1]
    if dots > len(package):
        return module  # above everything that there is
    package = package[: len(package) - dots + 1]
    return ".".join([*package, *filter(None, [name])])


def relative(statement: Import, here: str, path: str, wanted: bool) -> Import:
    """Return the statement as a file writes it that imports relatively, if it is one."""
    if not wanted or not statement.name:
        return statement
    package = here.split(".")
    if not path.rpartition("/")[2].startswith(f"{_PACKAGE}."):
        package = package[:-1]
    target = statement.module.split(".")
    shared = 0
    while shared < min(len(package), len(target)) and package[shared] == target[shared]:
        shared += 1
    if not shared:
        return statement
    dots = "." * (len(package) - shared + 1)
    return statement._replace(module=dots + ".".join(target[shared:]))
