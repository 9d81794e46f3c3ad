"""How fast the stages are beside PyTorch eager and ONNX Runtime, and what a whole run costs. Nothing here is a test."""
