"""Building blocks that two or more stages use: `nn.Module`s under the checkpoint's names, over signals in time-major
layout."""
