"""Reads Torch-TensorRT's converter registry out of its wheel, without importing it.

    pip download --no-deps torch-tensorrt
    python -m tests.torch_tensorrt_converters torch_tensorrt-*.whl

writes torch_tensorrt_converters.json beside this file: what `test_exported` compares the exported
graph with on machines where the wheel cannot be imported, which are those without TensorRT.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import zipfile
from pathlib import Path

CONVERTERS = Path(__file__).with_suffix(".json")


def dotted(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("torch.ops.")


def registered(tree: ast.AST) -> dict[str, bool]:
    """Operator -> whether its converter takes dynamic shapes."""
    found: dict[str, bool] = {}
    for function in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        for decorator in function.decorator_list:
            if not (isinstance(decorator, ast.Call) and decorator.args):
                continue
            if ast.unparse(decorator.func) != "dynamo_tensorrt_converter":
                continue
            dynamic = any(
                k.arg == "supports_dynamic_shapes" and ast.unparse(k.value) == "True"
                for k in decorator.keywords
            )
            name = dotted(decorator.args[0])
            found[name] = found.get(name, False) or dynamic
    return found


def named_set(tree: ast.AST, variable: str) -> list[str]:
    """The operators of a module-level set."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == variable:
            assert isinstance(node.value, ast.Set)
            return sorted(dotted(element) for element in node.value.elts)
    raise SystemExit(f"the wheel defines no {variable}: its layout has changed")


def allowed_casts(tree: ast.AST) -> list[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "allowed_casts":
            assert isinstance(node.value, ast.Set)
            return sorted(ast.unparse(element) for element in node.value.elts)
    raise SystemExit("the wheel defines no allowed_casts: its layout has changed")


def erased(tree: ast.AST) -> list[str]:
    """The operators that a lowering pass compares a node's target with."""
    return sorted(
        dotted(node.comparators[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "node.target"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    wheel = parser.parse_args().wheel
    version = re.match(r"torch_tensorrt-([^-]+)-", wheel.name)
    if version is None:
        raise SystemExit(f"the file is {wheel.name}, expected a wheel of torch-tensorrt")
    root = "torch_tensorrt/dynamo"
    converters: dict[str, bool] = {}
    casts: list[str] = []
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(f"{root}/conversion/") and name.endswith("_converters.py"):
                tree = ast.parse(archive.read(name))
                converters |= registered(tree)
                if name.endswith("/aten_ops_converters.py"):
                    casts = allowed_casts(tree)
        groups = ast.parse(archive.read(f"{root}/lowering/_decomposition_groups.py"))
        asserts = ast.parse(archive.read(f"{root}/lowering/passes/remove_assert_nodes.py"))
    content = {
        "torch_tensorrt": version.group(1),
        "decomposed": named_set(groups, "torch_enabled_decompositions"),
        "kept": named_set(groups, "torch_disabled_decompositions"),
        "erased": erased(asserts),
        "casts": casts,
        "converters": dict(sorted(converters.items())),
    }
    CONVERTERS.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{CONVERTERS}: {len(converters)} operators")


if __name__ == "__main__":
    main()
