"""The engine: reads a graph, builds its stages, runs them. It knows a stage only by its contract.

A graph's way in: yaml_source (text, with places) > overlay (files into one tree) > forms, spec (which keys, which kind
of value) > wires (types and references) > checks, stage_checks (do they fit) > graph. pyproject.toml has all layers.
"""
