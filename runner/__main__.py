"""`python -m runner` is `kokoro-run`."""

from runner.cli.main import main

if __name__ == "__main__":
    main()
