"""Bundles: a graph and all that it takes to speak, in one folder for machines that have Python alone, or not even that.

    graph --portable--> graph.json, config.json, libraries/, voices/ --description--> graph.txt, for other hosts
    program, Python stages --own_code--> python/runner, python/stages            \\
    numpy, tvm_ffi, tvm's runtime --packages--> python/                            > entries --folder--> DIR
    libraries of the system --system_libraries--> lib/                           /
    launcher --> run

`make` puts these together. `DIR/run` starts `program`, the only module here that runs on the other machine; it shares
`layout` with the rest. Decision 0027 says why it is made of these files.
"""
