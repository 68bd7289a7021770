"""Users' Python files: read once, run from what was read, here and in other processes.

A file that defines a lemma, a strategy or a figure is a module of its own, whatever else is called so. Jobs carry its text: workers see
what their caller saw, even if the file has changed or lies on another machine.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.abc import ExecutionLoader, MetaPathFinder
from itertools import accumulate
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from theory.errors import DriftlawError, InputError

OURS = ("theory", "simulate", "deep", "figures", "driftlaw")  # packages whose files are not users'
_INSTALLED = ("site-packages", "dist-packages")
LOADING = "Every command takes --load FILE.py, as often as needed: a Python file that registers parts of your own."
_SOURCES: dict[str, SourceFile] = {}  # by the name of the module
_SPECS: dict[str, list[tuple[str, Any]]] = {}  # of it and its neighbours when it was read; others once they are imported anew
_LOADED: dict[SourceFile, ModuleType] = {}
_RUNNING: list[SourceFile] = []
LOCK = RLock()  # of the two above, and of Python's own parser, which threads of one worker disturb up to Python 3.12


@dataclass(frozen=True)
class SourceFile:
    """A user's file as it was read, and the files beside it that it imports.

    Parameters
    ----------
    path : str
        Absolute.
    text : str
    neighbours : tuple of (str, str, str)
        Module name, path and text of what the file imports from its folder by name, directly or not.
    package : str
        Package that the file was imported in; its folder is then the one that the outermost package lies in.
    """

    path: str
    text: str
    neighbours: tuple[tuple[str, str, str], ...] = ()
    package: str = ""

    @classmethod
    def read(cls, path: Path | str, texts: Mapping[str, str] | None = None, package: str = "") -> SourceFile:
        """Read a file and its neighbours, from ``texts`` by path if these are given; InputError if it cannot be read or is no Python."""
        path = Path(path).resolve() if texts is None else Path(path)
        folder = path.parents[package.count(".") + 1 if package else 0]
        text, found = _text(path, texts), {}
        left = [(text, package)]
        while left:
            for name in _imports(*left.pop()):
                if folder.name in _INSTALLED and name.split(".")[0] != package.split(".")[0]:
                    continue  # what lies there are not neighbours, but all packages
                file = next((file for file in _places(folder, name) if (file.is_file() if texts is None else str(file) in texts)), None)
                if file is not None and (package or file != path) and name not in found:
                    found[name] = (str(file), _text(file, texts))
                    left.append((found[name][1], _package(name, file)))
        return cls(str(path), text, tuple((name, *entry) for name, entry in sorted(found.items())), package)

    @property
    def texts(self) -> dict[str, str]:
        """Everything that is run: by the file's name without folder, and the neighbours' names as modules."""
        return {Path(self.path).name: self.text, **{name: text for name, _, text in self.neighbours}}

    def __str__(self) -> str:
        """Return the path, from the working directory if the file lies in there."""
        path, here = Path(self.path), Path.cwd()
        return str(path.relative_to(here)) if path.is_relative_to(here) else self.path

    def module(self) -> ModuleType:
        """Return the module that the file makes; it runs once in each process.

        Raises
        ------
        InputError
            If it fails; names file and line.
        """
        if self in _LOADED:
            return _LOADED[self]
        name = f"{self.package}.{Path(self.path).stem}_{sha256(repr(self).encode()).hexdigest()[:8]}".lstrip(".")
        for neighbour, path, _ in self.neighbours:
            other = sys.modules.get(neighbour)
            loader = getattr(other, "__loader__", None)
            ran = isinstance(loader, _Texts)
            if other is not None and not ran and Path(other.__file__ or "").resolve() != Path(path):
                raise InputError(f"{self} imports {neighbour} from its folder, but {other.__file__} is loaded under that name; rename one of them")
            if other is not None and self._of_neighbour(neighbour, path) != _as_loaded(neighbour, path, loader):
                del sys.modules[neighbour]  # it, or what it imports, is of the file as it was before or after
                parent, _, leaf = neighbour.rpartition(".")
                if parent in sys.modules:
                    vars(sys.modules[parent]).pop(leaf, None)
                for known in (_SOURCES, _SPECS):
                    known.pop(neighbour, None)
        sys.meta_path.insert(0, _Texts({name: (self.path, self.text), **{entry[0]: entry[1:] for entry in self.neighbours}}))
        _SOURCES[name] = self
        _RUNNING.append(self)
        try:
            _LOADED[self] = importlib.import_module(name)
        except DriftlawError as error:
            raise InputError(f"{self}, line {_line(error, self.path)}: {error}") from error
        except (Exception, SystemExit) as error:
            raise InputError(f"{self}, line {_line(error, self.path)}: {type(error).__name__}: {error}; correct it there") from error
        finally:
            _RUNNING.remove(self)
        return _LOADED[self]

    def _of_neighbour(self, name: str, path: str) -> SourceFile:
        return SourceFile.read(path, {self.path: self.text, **{file: text for _, file, text in self.neighbours}}, _package(name, path))


class _Texts(MetaPathFinder, ExecutionLoader):
    """Makes modules of texts; tracebacks show their lines, in processes that do not have the files too."""

    def __init__(self, texts: Mapping[str, tuple[str, str]]) -> None:
        self.texts = texts

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname in self.texts:
            return importlib.util.spec_from_loader(fullname, self)
        folder = any(name.startswith(f"{fullname}.") for name in self.texts)  # one without __init__.py
        return importlib.util.spec_from_loader(fullname, None, is_package=True) if folder else None

    def get_filename(self, fullname: str) -> str:
        return self.texts[fullname][0]

    def get_source(self, fullname: str) -> str:
        return self.texts[fullname][1]

    def is_package(self, fullname: str) -> bool:
        return Path(self.texts[fullname][0]).name == "__init__.py"


def load(path: Path | str) -> ModuleType:
    """Run a user's Python file, once as long as it does not change; return the module.

    Parameters
    ----------
    path : path
        The file may import its neighbours. What it registers (`theory.parts`) is known from then on.

    Raises
    ------
    InputError
        If it is missing or unreadable, or fails (names file and line).

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import driftlaw as dl
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "mine.py")
    ...     _ = path.write_text("answer = 42")
    ...     dl.load(path).answer
    42
    """
    return SourceFile.read(path).module()


def loaded_files() -> list[str]:
    """Return the user's files that were loaded in this process, for messages."""
    return [str(source) for source in _LOADED]


def loaded(arguments: Sequence[str] | None = None) -> list[str]:
    """Take every ``--load FILE.py`` out of a command's arguments and load the files; return the other arguments."""
    left: list[str] = []
    words: Iterator[str] = iter(sys.argv[1:] if arguments is None else arguments)
    for word in words:
        option, sign, file = word.partition("=")
        if option != "--load":
            left.append(word)
        elif file := file if sign else next(words, ""):
            load(file)
        else:
            raise InputError("--load names no file; give the path of a Python file that registers parts of your own")
    return left


def require_not_loading(what: str) -> None:
    """Raise InputError if a user's file is being run for its parts, as other processes do with a script."""
    with LOCK:
        running = _RUNNING[-1:]
    if running:
        raise InputError(f"{what} while the parts of {running[0]} are loaded; put what is to be done under `if __name__ == '__main__'`")


def where(part: Any) -> str:
    """Return file and line of a class or function, for messages."""
    if not hasattr(part, "__qualname__"):
        return repr(part)
    name, source = part.__qualname__, source_of(part.__module__)
    if source is None:
        return f"{part.__module__}.{name}"
    definitions = (ast.ClassDef, ast.FunctionDef)
    lines = [node.lineno for node in ast.walk(parsed(source.text)) if isinstance(node, definitions) and node.name == name.rpartition(".")[2]]
    return f"{name} in {source}, line {lines[0] if lines else 'unknown'}"


def source_of(module: str) -> SourceFile | None:
    """Return the file of a loaded module as it was read; None for driftlaw's own.

    The file of a script, or of a module that was imported, is read when it is first asked for: when the module registers a part.

    Raises
    ------
    InputError
        If the module has no file, as in a notebook.
    """
    if module.split(".")[0] in OURS:
        return None
    if module not in _SOURCES or any(name in sys.modules and sys.modules[name].__spec__ is not spec for name, spec in _SPECS.get(module, ())):
        file = getattr(sys.modules[module], "__file__", None)
        loader = getattr(sys.modules[module], "__loader__", None)
        if file is None:
            raise InputError(f"the module {module} has no file, so that neither keys nor other processes could know its parts; define them in a file")
        texts = dict(loader.texts.values()) if isinstance(loader, _Texts) else None
        source = SourceFile.read(file, texts, getattr(sys.modules[module], "__package__", None) or "")
        _SOURCES[module] = source
        if texts is None:
            names = module, *(name for name, _, _ in source.neighbours)
            _SPECS[module] = [(name, sys.modules[name].__spec__) for name in names if name in sys.modules]
        _LOADED.setdefault(source, sys.modules[module])
    return _SOURCES[module]


def require_current(part: Any) -> None:
    """Raise InputError for a class or function whose module has been imported anew since, and has another one by its name."""
    if vars(sys.modules.get(part.__module__, object)).get(part.__qualname__, part) is not part:
        raise InputError(f"{part.__qualname__} was defined by {part.__module__} before that was imported anew; take it from the module again")


def source_now(module: str, source: SourceFile) -> SourceFile:
    """Return the file of a part, read again if its module or a neighbour has been imported anew in this process (`importlib.reload`)."""
    return (source_of(module) or source) if module in _SPECS and _SOURCES[module].path == source.path else source


def parsed(text: str | bytes) -> ast.Module:
    """Return the syntax tree of a Python text."""
    with LOCK:
        return ast.parse(text)


def _package(name: str, path: Path | str) -> str:
    return name if Path(path).name == "__init__.py" else name.rpartition(".")[0]


def _as_loaded(name: str, path: str, loader: Any) -> SourceFile | None:
    if isinstance(loader, _Texts):
        path = loader.texts[name][0]
        return SourceFile.read(path, dict(loader.texts.values()), _package(name, path))
    return SourceFile.read(path, package=_package(name, path)) if Path(path).is_file() else None


def _text(path: Path, texts: Mapping[str, str] | None) -> str:
    if texts is not None:
        return texts[str(path)]
    try:
        return importlib.util.decode_source(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; give the path of a Python file") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}; save it as UTF-8") from None


def _imports(text: str, package: str) -> Iterator[str]:
    """Names that a file may import from its folder, packages before what is in them; one that is no Python says so when it is run."""
    try:
        nodes = list(ast.walk(parsed(text)))
    except SyntaxError:
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level <= (package.count(".") + 1 if package else 0):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package).rstrip(".")
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] not in (*OURS, *sys.stdlib_module_names):
                yield from accumulate(name.split("."), "{}.{}".format)


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    path = folder.joinpath(*name.split("."))
    return path / "__init__.py", path.with_name(f"{path.name}.py")


def _line(error: BaseException, path: str) -> Any:
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return lines[-1] if lines else "unknown"
