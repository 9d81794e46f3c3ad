"""The error of this package: what cannot be trained, and why."""


class TrainingError(Exception):
    """A mistake in what training was given; its message says where, what was found, what was expected, what to do."""
