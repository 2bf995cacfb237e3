"""R3 and the house: no float, no clock, no I/O in the package that decides amounts."""

import ast
from pathlib import Path

import pytest

import settlement

_FILES = sorted(Path(settlement.__file__).parent.glob("*.py"))
_MODULES = {
    "collections", "dataclasses", "dataframely", "datetime", "hashlib", "itertools", "json", "polars", "re",
    "settlement", "typing", "zoneinfo",
}  # fmt: skip
_CALLS = {
    "now", "today", "utcnow", "open", "round", "mean", "truediv", "read_csv", "scan_csv",
    "write_csv", "print",
}  # fmt: skip
_FLOATS = {"Float32", "Float64", "Decimal"}


@pytest.mark.parametrize("path", _FILES, ids=[path.name for path in _FILES])
def test_a_file_is_pure(path: Path) -> None:
    faults = []
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Constant(value=float()):
                faults.append(f"float in line {node.lineno}")
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                faults.append("true division")
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _CALLS | {"float"}:
                faults.append(f"call of {name}")
            case ast.Attribute(attr=name) if name in _FLOATS:
                faults.append(name)
            case ast.Import(names=names):
                faults += [each.name for each in names if each.name.partition(".")[0] not in _MODULES]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] not in _MODULES:
                faults.append(module)
    assert not faults


def test_there_is_something_to_look_at() -> None:
    assert len(_FILES) > 10


def test_no_frame_of_the_border_has_a_float() -> None:
    for schema in vars(settlement.frames).values():
        if isinstance(schema, type) and hasattr(schema, "create_empty"):
            assert not [name for name, kind in schema.create_empty().schema.items() if kind.is_float()]
