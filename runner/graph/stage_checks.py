"""Checks the module, the contract and the device of each stage of a graph."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.errors import Mistake, suggest
from runner.files.locate import BUILD_ROOT
from runner.graph.contracts import ContractError, find_stage, read_contract
from runner.graph.draft import Draft, DraftStage, DraftType
from runner.graph.schema import DEVICE
from runner.graph.type_difference import describe_difference
from runner.graph.validate import is_library, list_device_kinds, read_device
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
    for stage in draft.stages.values():
        named = _find_contract_name(stage)
        if named is None:
            continue
        key, dotted = named
        node = stage.node.value[key]
        try:
            contract = read_contract(dotted)
        except ContractError as error:
            yield Mistake(node.origin, str(error))
            continue
        yield from _check_entry(stage, dotted)
        if draft.tree.get("model") is None:
            yield from _check_no_model(stage, node, contract)
        inputs = {port: wire.typed for port, wire in stage.inputs.items()}
        yield from _check_ports(stage, dotted, "input", inputs, contract.inputs)
        yield from _check_ports(stage, dotted, "output", stage.outputs, contract.outputs)


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


def _check_entry(stage: DraftStage, dotted: str) -> Iterator[Mistake]:
    entry = stage.text("entry")
    expected = f"{find_stage(dotted).name}_forward"
    if entry is not None and stage.text("source") is not None and entry.value != expected:
        yield Mistake(entry.origin, f"{dotted} is compiled to the entry '{expected}', not '{entry.value}'")


def _check_ports(
    stage: DraftStage, dotted: str, side: str, ports: dict[str, DraftType | None], contract: dict[str, Port]
) -> Iterator[Mistake]:
    node = stage.node.children(f"{side}s")
    for port in (port for port in ports if port not in contract):
        yield Mistake(node[port].key, f"{dotted} has no {side} '{port}'{suggest(port, contract)}")
    absent = [port for port in contract if port not in ports]
    for port in absent:
        above = stage.node.get(f"{side}s") or stage.node
        yield Mistake(above.key, f"stage '{stage.name}' lacks the {side} '{port}' ({contract[port].type})")
    for port, typed in ports.items():
        if typed is not None and port in contract and typed.type != contract[port].type:
            declared = contract[port].type
            message = f"{dotted} declares {side} '{port}' as {declared}, not {typed.type}"
            yield Mistake(typed.origin, message + describe_difference(typed.type, declared))
    if not absent and len(ports) == len(contract) and list(ports) != list(contract):
        misplaced = next(port for port, due in zip(ports, contract, strict=True) if port != due)
        order = f"{dotted} has its {side}s in the order {', '.join(contract)}; here it is {', '.join(ports)}"
        yield Mistake(node[misplaced].key, order)


def check_devices(draft: Draft) -> Iterator[Mistake]:
    """Check that roles and device kinds exist, and that Python stages run on the CPU."""
    roles = draft.tree.children("devices")
    runtimes: dict[str, str] = {}
    for role, node in roles.items():
        if isinstance(node.value, str) and re.match(DEVICE, node.value):
            yield from _check_kind(role, node, runtimes)
    for stage in draft.stages.values():
        wanted, module = stage.text("device"), stage.text("module")
        if wanted is None:
            continue
        if wanted.value not in roles:
            yield Mistake(wanted.origin, f"no device role '{wanted.value}'{suggest(wanted.value, roles)}")
        elif module is not None and not is_library(module.value) and runtimes.get(wanted.value, "cpu") != "cpu":
            where = f"'{wanted.value}' is {roles[wanted.value].value}"
            yield Mistake(wanted.origin, f"stage '{stage.name}' is a Python stage and runs on the CPU, but {where}")


def _check_kind(role: str, node: Node, runtimes: dict[str, str]) -> Iterator[Mistake]:
    """Check that the device kind of a role is described, and put its runtime into `runtimes`."""
    kind = node.value.partition(":")[0]
    if kind not in list_device_kinds():
        yield Mistake(node.origin, f"no device kind '{kind}' in configs/devices{suggest(kind, list_device_kinds())}")
        return
    mistakes: list[Mistake] = []
    device = read_device(kind, mistakes)
    yield from mistakes
    if device is not None:
        runtimes[role] = device.runtime
