"""A checked graph runs: pipeline, executors, plan, transfers between devices, records."""
