"""Tests of kokoro-run; the PyTorch reference and the synthetic checkpoints they compare against live here too."""
