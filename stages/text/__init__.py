"""English text to words and phonemes, in plain Python."""
