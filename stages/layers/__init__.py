"""The building blocks that two or more stages use: `nn.Module`s over signals, under the checkpoint's names."""
