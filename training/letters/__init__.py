"""The model that spells phonemes for words in no lexicon: its data, its training, its figures."""
