"""The public names of kokoro-run: `from kokoro_run import Graph, Pipeline`.

They are those of `runner`, each imported when it is first asked for. In a checkout this file is a module; in a wheel it
is the package `kokoro_run`, with a marker that it has types (docs/decisions/0018).
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in `runner`
if TYPE_CHECKING:
    from runner import *
    from runner import __all__ as __all__
else:
    from runner import __all__, __dir__, __getattr__
