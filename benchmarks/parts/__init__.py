"""What is measured: a module a part, each with `measure(session)`, which returns what results.json keeps of it."""
