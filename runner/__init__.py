"""The engine: reads a graph, builds its stages, runs them. It knows a stage only by its contract.

A graph's way in, all in the room `graph`: yaml_reader (text, with places) > merge (files into one tree) > schema,
validate (which keys, which kind of value) > draft (types and references) > checks, stage_checks (do they fit) > load.
docs/index.md says what each room holds; pyproject.toml has their order.

The names in `__all__` are the public ones (docs/api.md); programs import them from `kokoro_run`. Each is imported when
it is first asked for: `import kokoro_run` loads nothing, and a command of the command line only what it needs.
"""

from __future__ import annotations

TYPE_CHECKING = False  # for type checkers it is true; `typing` itself would be all that `import runner` loads

__all__ = [
    "SAMPLE_RATE_HZ",
    "BuildError",
    "Cache",
    "Delivery",
    "Graph",
    "GraphError",
    "In",
    "KokoroError",
    "LineError",
    "Observer",
    "Out",
    "Part",
    "Pipeline",
    "Plan",
    "Ref",
    "Result",
    "RunError",
    "RunOptions",
    "RunState",
    "Scope",
    "SpecError",
    "StageError",
    "StageSpec",
    "WeightsError",
    "stage",
    "warn",
]

if TYPE_CHECKING:
    from runner.api import Graph, Pipeline
    from runner.cache.cache import Cache
    from runner.engine.observers import Observer
    from runner.engine.options import RunOptions
    from runner.engine.pipeline import Result
    from runner.engine.plan import Plan
    from runner.engine.run_state import RunState
    from runner.errors import BuildError, GraphError, KokoroError, LineError, RunError, SpecError, WeightsError
    from runner.graph.selection import Scope
    from runner.graph.types import Ref, StageSpec
    from runner.speech.delivery import Delivery
    from runner.speech.speaker import Part
    from stages.contract import In, Out, StageError, stage, warn
    from stages.dims import SAMPLE_RATE_HZ
else:
    _HOMES = {
        "runner.api": ("Graph", "Pipeline"),
        "runner.cache.cache": ("Cache",),
        "runner.engine.observers": ("Observer",),
        "runner.engine.options": ("RunOptions",),
        "runner.engine.pipeline": ("Result",),
        "runner.engine.plan": ("Plan",),
        "runner.engine.run_state": ("RunState",),
        "runner.graph.selection": ("Scope",),
        "runner.graph.types": ("Ref", "StageSpec"),
        "runner.speech.delivery": ("Delivery",),
        "runner.speech.speaker": ("Part",),
        "stages.contract": ("In", "Out", "StageError", "stage", "warn"),
        "stages.dims": ("SAMPLE_RATE_HZ",),
    }

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"kokoro_run has no public name '{name}'")
        import importlib  # noqa: PLC0415 - nothing that `import runner` need pay

        home = next((home for home, names in _HOMES.items() if name in names), "runner.errors")
        value = globals()[name] = getattr(importlib.import_module(home), name)
        return value

    def __dir__():
        return __all__
