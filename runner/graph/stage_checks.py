"""Checks the module, the contract and the device of each stage of a graph."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from runner.errors import Mistake, suggest
from runner.files.locate import BUILD_ROOT, display_path
from runner.graph.contracts import ContractError, display_name, is_stage_file, read_stage, split_stage_file
from runner.graph.device_kinds import VARIABLE, find_device_files, list_graph_files
from runner.graph.dim_names import find_names, rename_dims
from runner.graph.draft import Draft, DraftStage, DraftType
from runner.graph.model_config import find_fixed
from runner.graph.schema import DEVICE
from runner.graph.type_difference import describe_difference
from runner.graph.validate import is_library, read_device
from runner.graph.yaml_node import Node
from stages.contract import Contract, NamedType, Port

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}?")
_PLACEHOLDERS = ("model", "device")


def check_modules(draft: Draft) -> Iterator[Mistake]:
    """Check that each stage has the keys of a Python stage, or those of a library."""
    for stage in draft.stages.values():
        module = stage.text("module")
        if module is None:
            continue
        for node in (module, stage.text("source")):
            if node is not None and is_stage_file(node.value):
                yield from _check_beside(node)
        if is_library(module.value):
            yield from _check_library(stage, module.value)
        else:
            yield from _check_python(stage)
    yield from _check_targets(draft)


def _check_python(stage: DraftStage) -> Iterator[Mistake]:
    for key in ("entry", "source"):
        node = stage.node.get(key)
        if node is not None:
            yield Mistake(node.key, f"stage '{stage.name}' is a Python stage: '{key}' is for libraries")


def _check_beside(node: Node) -> Iterator[Mistake]:
    """Check that a file of code is in the folder of the file that names it."""
    if not _is_beside(node):
        file, folder = Path(split_stage_file(node.value)[0]), node.folder
        fact = f"{display_path(file)} is not in the folder of the graph, {display_path(folder)}"
        yield Mistake(node.origin, f"{fact}: a graph runs no other code; put the file there, or offer an entry point")


def _is_beside(node: Node) -> bool:
    """Whether a file of code is in the folder of the file that names it, symbolic links followed."""
    return Path(split_stage_file(node.value)[0]).resolve().is_relative_to(node.folder.resolve())


def _check_library(stage: DraftStage, path: str) -> Iterator[Mistake]:
    module = stage.node.value["module"]
    if not path.endswith(".so"):
        yield Mistake(
            module.origin, "the path of a library ends in .so, which stands for the suffix of the device kind"
        )
    for match in _PLACEHOLDER.finditer(path):
        if match[1] not in _PLACEHOLDERS or not match[0].endswith("}"):
            fix = suggest(match[1], _PLACEHOLDERS)
            yield Mistake(module.at(match.start()), f"unknown placeholder '{match[0]}' in a library's path{fix}")
    if stage.node.get("entry") is None:
        yield Mistake(stage.node.key, f"stage '{stage.name}' is a library and lacks 'entry', the function to call")
    for port, typed in _list_ports(stage):
        if typed is not None and isinstance(typed.type, NamedType):
            message = f"{stage.name}.{port} is {typed.type}, which only Python stages take; a library takes tensors"
            yield Mistake(typed.origin, message)
    if stage.text("source") is not None and ".." in path.split("/"):
        message = f"stage '{stage.name}' has a source, so `build` writes its library: the path must not contain '..'"
        yield Mistake(module.origin, message)
    if stage.text("source") is not None and not path.startswith(BUILD_ROOT):
        message = (
            f"stage '{stage.name}' has a source, so `build` writes its library: the path must begin with {BUILD_ROOT}"
        )
        yield Mistake(module.origin, message)


def _list_ports(stage: DraftStage) -> Iterator[tuple[str, DraftType | None]]:
    yield from ((port, wire.typed) for port, wire in stage.inputs.items())
    yield from stage.outputs.items()


def _check_targets(draft: Draft) -> Iterator[Mistake]:
    """Check that no library is built from two sources."""
    built: dict[str, DraftStage] = {}
    for stage in draft.stages.values():
        module, source = stage.text("module"), stage.text("source")
        if module is None or source is None:
            continue
        other = built.setdefault(module.value, stage)
        if other.node.value["source"].value != source.value:
            yield Mistake(module.origin, f"stage '{other.name}' is built to the same library, from another source")


def check_contracts(draft: Draft) -> Iterator[Mistake]:
    """Check that a stage has the ports of its contract, in their order; a library without a source has no contract."""
    fixed = find_fixed(draft.tree)
    for stage in draft.stages.values():
        named = _find_contract_name(stage)
        if named is None:
            continue
        key, dotted = named
        node = stage.node.value[key]
        if is_stage_file(dotted) and not _is_beside(node):
            continue
        try:
            found = read_stage(dotted)
        except ContractError as error:
            yield Mistake(node.origin, str(error))
            continue
        contract, shown = found.contract, display_name(dotted)
        yield from _check_entry(stage, shown, found.entry)
        if draft.tree.get("model") is None:
            yield from _check_no_model(stage, node, contract)
        inputs = {port: wire.typed for port, wire in stage.inputs.items()}
        names = find_names(stage, contract, fixed)
        yield from _check_ports(stage, shown, "input", inputs, contract.inputs, names)
        yield from _check_ports(stage, shown, "output", stage.outputs, contract.outputs, names)


def _check_no_model(stage: DraftStage, node: Node, contract: Contract) -> Iterator[Mistake]:
    """Check that a stage takes nothing from a model's files; for graphs without a model."""
    needs = [(contract.config, "of a model's config.json"), (contract.weights, "of a model's checkpoint")]
    for names, source in needs:
        if names:
            fact = f"stage '{stage.name}' takes {', '.join(names)} {source}, but the graph has no model"
            yield Mistake(node.origin, f"{fact}; name one, as in 'model: configs/models/mini.yaml'")


def _find_contract_name(stage: DraftStage) -> tuple[str, str] | None:
    """Find the key that names the stage's code, and that name."""
    module = stage.text("module")
    if module is None:
        return None
    if not is_library(module.value):
        return "module", module.value
    source = stage.text("source")
    return None if source is None else ("source", source.value)


def _check_entry(stage: DraftStage, dotted: str, expected: str) -> Iterator[Mistake]:
    entry = stage.text("entry")
    if entry is not None and stage.text("source") is not None and entry.value != expected:
        yield Mistake(entry.origin, f"{dotted} is compiled to the entry '{expected}', not '{entry.value}'")


def _check_ports(
    stage: DraftStage,
    dotted: str,
    side: str,
    ports: dict[str, DraftType | None],
    contract: dict[str, Port],
    names: dict[str, str],
) -> Iterator[Mistake]:
    node = stage.node.children(f"{side}s")
    for port in (port for port in ports if port not in contract):
        yield Mistake(node[port].key, f"{dotted} has no {side} '{port}'{suggest(port, contract)}")
    absent = [port for port in contract if port not in ports]
    for port in absent:
        above = stage.node.get(f"{side}s") or stage.node
        yield Mistake(above.key, f"stage '{stage.name}' lacks the {side} '{port}' ({contract[port].type})")
    for port, typed in ports.items():
        if typed is not None and port in contract and typed.type != rename_dims(contract[port].type, names):
            declared = rename_dims(contract[port].type, names)
            formal = "" if declared == contract[port].type else f" ({contract[port].type} in its own names)"
            message = f"{dotted} declares {side} '{port}' as {declared}{formal}, not {typed.type}"
            yield Mistake(typed.origin, message + describe_difference(typed.type, declared))
    if not absent and len(ports) == len(contract) and list(ports) != list(contract):
        misplaced = next(port for port, due in zip(ports, contract, strict=True) if port != due)
        order = f"{dotted} has its {side}s in the order {', '.join(contract)}; here it is {', '.join(ports)}"
        yield Mistake(node[misplaced].key, order)


def check_devices(draft: Draft) -> Iterator[Mistake]:
    """Check that roles and device kinds exist, that a CPU has the index 0, and that Python stages run on the CPU."""
    roles = draft.tree.children("devices")
    runtimes: dict[str, str] = {}
    files = find_device_files(list_graph_files(draft.tree))
    for role, node in roles.items():
        if isinstance(node.value, str) and re.match(DEVICE, node.value):
            yield from _check_kind(role, node, files, runtimes)
    for stage in draft.stages.values():
        wanted, module = stage.text("device"), stage.text("module")
        if wanted is None:
            continue
        if wanted.value not in roles:
            yield Mistake(wanted.origin, f"no device role '{wanted.value}'{suggest(wanted.value, roles)}")
        elif module is not None and not is_library(module.value) and runtimes.get(wanted.value, "cpu") != "cpu":
            where = f"'{wanted.value}' is {roles[wanted.value].value}"
            yield Mistake(wanted.origin, f"stage '{stage.name}' is a Python stage and runs on the CPU, but {where}")


def _check_kind(role: str, node: Node, files: dict[str, Path], runtimes: dict[str, str]) -> Iterator[Mistake]:
    """Check the kind and the index of a role's device, and put its runtime into `runtimes`."""
    kind = node.value.partition(":")[0]
    if kind not in files:
        places = f"devices beside the graph, ${VARIABLE} or configs/devices"
        yield Mistake(node.origin, f"no device kind '{kind}' in {places}{suggest(kind, sorted(files))}")
        return
    mistakes: list[Mistake] = []
    device = read_device(kind, files[kind], mistakes)
    yield from mistakes
    if device is not None:
        runtimes[role] = device.runtime
        if device.runtime == "cpu" and node.value != f"{kind}:0":
            yield Mistake(
                node.origin, f"devices.{role} is {node.value}, but a CPU has the index 0 only; write {kind}:0"
            )
