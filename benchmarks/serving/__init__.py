"""Measures the server: under load, beside the command line, beside kokoro-onnx behind FastAPI."""
