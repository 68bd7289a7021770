"""Single-term mutations of a module's arithmetic, loaded in this process without touching the installed modules.

A mutant changes one place of the source: a summand or factor is dropped, a sign flipped, * and / swapped, a whole
number moved by one, a comparison moved to its border or turned round, a condition negated, a statement left out.
Text, annotations and error messages are left alone.
"""

import ast
import importlib
import sys
import warnings
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from types import CodeType, ModuleType, SimpleNamespace
from unittest import mock

import numpy as np

MODULES = (  # each uses earlier ones
    "theory.quantities", "theory.projections", "theory.spectral", "theory.algebra", "theory.rules", "theory.recursion", "theory.training", "theory.replay",
    "theory.visits", "theory.law", "theory.moments",
)  # fmt: skip
AFFECTED = {name: MODULES[place:] for place, name in enumerate(MODULES)}

COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
NAMES = {"any": "all", "all": "any", "min": "max", "max": "min", "minimum": "maximum"}


@dataclass(frozen=True)
class Mutant:
    """One changed place: the function, the source before and after, and the compiled module."""

    module: str
    function: str
    before: str
    after: str
    place: int
    line: int
    code: CodeType | None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Names the change without line numbers: the ``place``-th of its kind in the function, from 1."""
        return self.function, self.before, self.after, self.place

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.key}"


def mutants(module: str, skip: Container[tuple[str, str, str, int]] = (), only: str | None = None) -> Iterator[Mutant]:
    """Compile every mutant of the module, or of one function, one after another; keys to skip come without code."""
    path = importlib.import_module(module).__file__
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    places: Counter = Counter()
    for parent, field, index, node, function in list(_places(tree)):
        for replacement in _replacements(node) if only in (None, function) else ():
            change = (function, ast.unparse(node), ast.unparse(replacement))
            if change[1] == change[2]:  # 1 / x without its left side
                continue
            places[change] += 1
            code = None
            if (*change, places[change]) not in skip:
                _put(parent, field, index, ast.copy_location(replacement, node))
                code = compile(ast.fix_missing_locations(tree), path, "exec")
                _put(parent, field, index, node)
            yield Mutant(module, *change, places[change], node.lineno, code)


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _places(node: ast.AST, function: str = "", inside: bool = False) -> Iterator[tuple]:
    """Every child expression and statement of functions, with where it hangs."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "targets", "target", "ctx", "bases"):
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or isinstance(child, (ast.JoinedStr, ast.Import, ast.ImportFrom)):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue
            scope = isinstance(child, (ast.FunctionDef, ast.ClassDef))
            if inside and not scope:
                yield node, field, index if isinstance(value, list) else None, child, function
            yield from _places(child, f"{function}.{child.name}".lstrip(".") if scope else function, inside or isinstance(child, ast.FunctionDef))


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        yield from _arithmetic(node)
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, (int, float)):
            yield from (ast.Constant(node.value + 1), ast.Constant(node.value - 1))
    elif isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                yield ast.Compare(node.left, [*node.ops[:i], other(), *node.ops[i + 1 :]], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.If):
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    elif isinstance(node, (ast.Name, ast.Attribute)) and (node.id if isinstance(node, ast.Name) else node.attr) in NAMES:
        changed = NAMES[node.id if isinstance(node, ast.Name) else node.attr]
        yield ast.Name(changed, node.ctx) if isinstance(node, ast.Name) else ast.Attribute(node.value, changed, node.ctx)
    elif isinstance(node, ast.AugAssign):
        yield ast.AugAssign(node.target, ast.Sub(), node.value)
        yield ast.Pass()
    elif isinstance(node, ast.Expr) or (isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Attribute, ast.Subscript))):
        yield ast.Pass()


def _arithmetic(node: ast.BinOp) -> Iterator[ast.AST]:
    left, operator, right = node.left, node.op, node.right
    if isinstance(operator, (ast.Add, ast.Sub)):
        yield ast.BinOp(left, ast.Sub() if isinstance(operator, ast.Add) else ast.Add(), right)
        yield left
        yield right if isinstance(operator, ast.Add) else ast.UnaryOp(ast.USub(), right)
    elif isinstance(operator, (ast.Mult, ast.Div)):
        yield ast.BinOp(left, ast.Div() if isinstance(operator, ast.Mult) else ast.Mult(), right)
        yield left
        yield right if isinstance(operator, ast.Mult) else ast.BinOp(ast.Constant(1), ast.Div(), right)
    elif isinstance(operator, ast.Pow):
        yield left
    elif isinstance(operator, (ast.BitAnd, ast.BitOr)):
        yield ast.BinOp(left, ast.BitOr() if isinstance(operator, ast.BitAnd) else ast.BitAnd(), right)
        yield from (left, right)


class World:
    """The law with one module replaced by a mutant: fresh copies of it and of the modules that use it, originals of the rest."""

    _originals: dict[str, CodeType] = {}

    def __init__(self, mutant: Mutant | None = None) -> None:
        if not self._originals:
            self._originals.update({name: _compiled(name) for name in MODULES})
        self.modules: dict[str, ModuleType] = {}
        with mock.patch.dict(sys.modules):
            for name in AFFECTED[mutant.module] if mutant else MODULES:
                self.modules[name] = sys.modules[name] = ModuleType(name)
                self.modules[name].__package__ = "theory"
                exec(mutant.code if mutant and mutant.module == name else self._originals[name], self.modules[name].__dict__)
            self.names = SimpleNamespace(
                expected_errors=sys.modules["theory.law"].expected_errors,
                moment_orders=sys.modules["theory.moments"].moment_orders,
                projections=sys.modules["theory.projections"],
                spectral=sys.modules["theory.spectral"],
                visits=sys.modules["theory.visits"],
                quantities=sys.modules["theory.quantities"],
            )

    def failure(self, checks) -> str | None:
        """Name of the first check that fails in this world, None if all pass."""
        with mock.patch.dict(sys.modules, self.modules), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # mutants are judged by their values
            for check in checks:
                try:
                    check(self.names)
                except Exception as error:  # noqa: BLE001 - a mutant may break in any way
                    return f"{check.__name__}: {type(error).__name__}"
        return None


def _compiled(module: str) -> CodeType:
    path = importlib.import_module(module).__file__
    with open(path, encoding="utf-8") as file:
        return compile(file.read(), path, "exec")
