"""Kokoro text to speech, from phonemes to a waveform: nine stages, one file each.

    phonemes -> tokenize -+-> bert --> d_en -> duration ---> logits, d --> align -+-> en -> f0n -> f0, n -+
                          |                      ^                        ^  ^    |          ^            v
                          +-> text_encoder ------|----------> t_en -------+  |    +-> asr ---|-------> decoder -> trim
                          |                      |                         speed             |            ^        |
                          +-> length             |                                           |            |      audio
                                 v               |                                           |            |
    voice  -------------------> voice -----------+-- style_prosody --------------------------+            |
                                  +----------------- style_decoder ---------------------------------------+

`length`, `text_mask` and `attention_mask` go from tokenize to every stage that works on tokens; `frame_count` from
align to f0n, decoder and trim; `seed` to decoder.

Axes (a type names them, the graph bounds them, the model's config fixes the last four):

    text      tokens: the symbols of one utterance and a zero at both ends
    frames    25 ms each: 40 a second, 600 samples; half-frames (`2*frames`) are 12.5 ms
    samples   1/24000 s
    hidden    channels of a token or frame
    style     numbers of one voice vector, for the decoder and for the prosody alike
    features  hidden + style
    bins      steps of the duration histogram, one frame each

A stage is its contract (`stages.contract`) and its arithmetic, made of the computations in `stages.ops`. The runner
compiles, connects and runs it; nothing in this package imports `runner`.
"""
