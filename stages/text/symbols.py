"""Symbols: those that are spoken, the marks of Kokoro's vocabulary that others become, and what cannot be spoken."""

from __future__ import annotations

import re

from stages.text.rules import list_words

# Marks as they are written -> marks of Kokoro's vocabulary. Quotes that look the same on both sides are not here.
MARKS = {
    ";": ";", ":": ":", ",": ",", ".": ".", "!": "!", "?": "?", "—": "—", "…": "…", "(": "(", ")": ")",
    "“": "“", "”": "”",
    "[": "(", "]": ")", "{": "(", "}": ")", "«": "“", "»": "”", "‹": "“", "›": "”", "„": "“", "‟": "“",
    "―": "—", "‥": "…",
    "‽": "?", "‼": "!", "⁇": "?", "⁈": "?", "⁉": "!", "。": ".", "、": ",", "，": ",", "．": ".", "：": ":",
    "；": ";", "！": "!",
    "？": "?", "（": "(", "）": ")", "「": "“", "」": "”", "『": "“", "』": "”", "【": "(", "】": ")", "؟": "?",
    "،": ",", "؛": ";",
    "।": ".", "⸺": "—", "⸻": "—", "〈": "“", "〉": "”", "《": "“", "》": "”", "～": "—",
}  # fmt: skip
# Marks that stand close to the word before them, whatever the text has there.
CLOSING = frozenset(";:,.!?)”")
# Marks after which the next word stands close.
OPENING = frozenset("(“")
# Symbol -> spoken
SYMBOLS = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "%": "percent", "°": "degrees", "º": "degrees", "/": "slash",
    "\\": "backslash", "±": "plus or minus", "×": "times", "÷": "divided by", "−": "minus",
    "≈": "is about", "≃": "is about",
    "≠": "is not equal to", "<": "is less than", ">": "is greater than", "≤": "is at most", "≥": "is at least",
    "≦": "is at most", "≧": "is at least",
    "→": "to", "⇒": "implies", "↔": "to and from", "∞": "infinity", "√": "the square root of", "∑": "the sum of",
    "∏": "the product of", "∫": "the integral of", "∂": "partial", "∆": "delta", "∇": "nabla", "∈": "in",
    "∉": "not in",
    "∪": "union", "∩": "intersection", "∅": "the empty set", "∀": "for all", "∃": "there exists", "∴": "therefore",
    "∵": "because", "§": "section", "¶": "paragraph", "#": "hash", "№": "number", "©": "copyright",
    "℃": "degrees Celsius",
    "℉": "degrees Fahrenheit", "$": "dollar", "£": "pound", "€": "euro", "¥": "yen", "₹": "rupee", "¢": "cent",
    "₿": "bitcoin", "‰": "per mille", "Ω": "ohm", "℞": "prescription", "²": "squared", "³": "cubed",
    "^": "to the power of",
    "⅓": "one third",
}  # fmt: skip
# Behind the sign of degrees -> spoken
TEMPERATURES = {"C": "Celsius", "F": "Fahrenheit"}
# Greek letters that stand alone (the angle α) -> spoken
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi", "ω": "omega",
}  # fmt: skip
GREEK |= {letter.upper(): name for letter, name in GREEK.items()} | {"µ": "micro"}
# Symbols that say nothing: they are left out without a note. The rest of what cannot be spoken is noted.
SILENT = frozenset(
    "*_`|~^\u2122\u00ae\u2022\u00b7\u2023\u25e6\u25aa\u25cf\u25cb\u25a0\u25a1\u2020\u2021\u00bf\u00a1\u00b4"
    "\u2032\u2033\u2012'’‘ʼ-–<>\u2043\u200b"
)
# Words joined by a symbol -> spoken
JOINED = {
    "and/or": "and or",
    "w/o": "without",
    "w/": "with",
    "c/o": "care of",
    "n/a": "not applicable",
    "N/A": "not applicable",
    "C++": "C plus plus",
    "C#": "C sharp",
    "F#": "F sharp",
    ".NET": "dot net",
    "AT&T": "AT and T",
    "he/she": "he or she",
    "she/he": "she or he",
    "his/her": "his or her",
    "him/her": "him or her",
    "s/he": "she or he",
    "24/7": "twenty four seven",
    "b/c": "because",
    "a/c": "account",
    "TCP/IP": "TCP IP",
    "I/O": "IO",
    "A/C": "AC",
    "R&B": "R and B",
}
# Words that begin with an apostrophe, without it.
ELISIONS = list_words(
    "tis twas twere twill twould em til cause bout e n round gainst neath cept nother mongst tween "
    "twixt fraid kay un ere "
    "ave im er ard ouse appen ad ome ow s d ll ve re m t"
)
# Faces made of marks; they are left out with a note, as emoji are.
EMOTICON = re.compile(r"(?:[:;=8xX][-~]?[)(\]\[DPpOo3/\\|]|<3+|:'\(|\^_?\^|¯\\_\(ツ\)_/¯)(?=[\s.,!?]|\Z)")
