"""Do the tests notice a fault: a random sample of mutants of the runner's code, each met by the tests that execute it.

    checkout --> a copy --> all tests once, under coverage --> Survey: who executes which line, and how long it takes
                   |
                   +--> a copy for each job: one mutant at a time, in a fork that has imported the libraries already

A mutant meets the tests that execute its statement: those of its own room first, the fastest first, until one fails. A
test may compute for ten times as long as it took in the survey, all of them together for `--budget` seconds by the
survey's figures. A mutant in code that only runs on import meets the tests that execute the rest of its function, class
or file. A test that failed for a mutant must pass without it: else the test is left out and its mutants tried again.

    python -m tests.mutation [--sample 300] [--seed 1] [--files 'runner/graph/*.py' ...] [--tests tests/runner]

prints the mutants that survived as differences, and exits with 1 if fewer than `--at-least` percent were killed. A
mutant that lets a test run out of time counts as killed.
"""
