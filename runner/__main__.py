"""`python -m runner` is `kokoro-run`."""

from runner.cli import main

if __name__ == "__main__":
    main()
