"""SSML documents: what is spoken, what is refused, and where each word stands in the document."""

from __future__ import annotations

import html
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.errors import RunError
from runner.speech.script import read_script
from runner.speech.segments import Segment
from runner.speech.ssml_tags import ATTRIBUTES
from runner.speech.ssml_values import MANNERS, RATES, STRENGTHS

Spoken = list[tuple[str, str | None, float, float]]  # text, voice, rate, pause
NAMESPACES = (
    'xmlns="http://www.w3.org/2001/10/synthesis" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="http://www.w3.org/2001/10/synthesis http://www.w3.org/TR/speech-synthesis/synthesis.xsd"'
)


def speak(row: str) -> Spoken:
    return [(each.text, each.voice, each.rate, each.pause) for each in read_script(row)]


TEXTS = {  # content of <speak> -> text of the one segment
    "Hello": "Hello",
    "  a \r\n\t b\n\nc ": "a b c",
    "a&#32;&#10;&#x9; b": "a b",
    "a\u00a0\u00a0b": "a\u00a0\u00a0b",  # no-break spaces are characters
    "Fish &amp; chips &lt;3 &gt; &quot;x&quot; &apos;": "Fish & chips <3 > \"x\" '",
    "caf&#233; &#x1F600;😀 naïve": "café 😀😀 naïve",
    "a <!-- no --> b<?no this?>c": "a bc",
    "a <![CDATA[<b> &amp; [x]\r\n]]>c": r"a <b> &amp; \[x] c",
    "a&#160;b&#160;<!-- x -->\u00a0": "a\u00a0b\u00a0\u00a0",
    "&#160;<voice name='x'>\u00a0</voice>a": "a",  # white space alone is no segment
    "[pause:1s] [a](/b/) \\[": r"\[pause:1s] \[a](/b/) \\[",
    "&#91;pause:1s&#93;": r"\[pause:1s]",
    "<s>One</s><s>Two!</s> <s>three,</s>": "One. Two! three,",
    "<s> One </s>\n<s>Two</s>": "One. Two.",
    "<s>He said “no”</s> <s>(Yes.)</s> <s>Why?”</s>": "He said “no”. (Yes.) Why?”",
    "One <s>two</s> three": "One. two. three",
    "<s/><s></s>": None,
    "a<s/>b": "a. b",
    "<p>One</p>": "One.",
    "<p><s>One</s><s>Two</s></p>": "One. Two.",
    "a <break strength='none'/> b<break time='0s'/>c": "a bc",
    '<phoneme alphabet="ipa" ph="kəkˈɔɹO">Kokoro</phoneme> speaks': "[Kokoro](/kəkˈɔɹO/) speaks",
    '<phoneme ph=" nˈu  jˈɔɹk\n">New\nYork </phoneme>ers': "[New York](/nˈu jˈɔɹk/) ers",
    'see<phoneme ph="a(b)">x</phoneme>y': r"see[x](/a\(b\)/)y",
    '<s><phoneme ph="a">x</phoneme></s>': "[x](/a/).",
    'the <sub alias="World Health">WHO</sub>.': "the [WHO](=World Health).",
    '<sub alias="a [b] (c) \\">[1] (2) \\ </sub>': r"[\[1\] \(2\) \\](=a \[b\] \(c\) \\)",
    '\\<sub alias="b">a</sub>': r"\ [a](=b)",
    "<sub alias='b'><!-- x -->a<![CDATA[&]]>&amp;</sub>": "[a&&](=b)",
    '<say-as interpret-as="characters">GIF</say-as>': "[GIF](as:characters)",
    '<say-as interpret-as="spell-out">GIF</say-as>': "[GIF](as:characters)",
    '<say-as interpret-as="cardinal">12</say-as>': "[12](as:cardinal)",
    '<say-as interpret-as="number">12</say-as>': "[12](as:cardinal)",
    '<say-as interpret-as="ordinal">12</say-as>': "[12](as:ordinal)",
    '<say-as interpret-as="date">1/2/2025</say-as>': "[1/2/2025](as:date)",
    '<say-as interpret-as="telephone">(555) 1234</say-as>': r"[\(555\) 1234](as:telephone)",
    "<prosody rate='1'>a</prosody>b <voice name='x'> </voice> c": "ab c",
}  # fmt: skip


@pytest.mark.parametrize("content", [content for content, text in TEXTS.items() if text is not None])
def test_texts(content: str) -> None:
    assert speak(f"<speak>{content}</speak>") == [(TEXTS[content], None, 1, 0)]


SEGMENTS: dict[str, Spoken] = {
    'a <break time="500ms"/> b': [("a", None, 1, 0), ("b", None, 1, 0.5)],
    'a<break time="2s"/><break time=" .1s "/>b': [("a", None, 1, 0), ("b", None, 1, 2.1)],
    'a<break strength="x-strong" time="1s"/>b': [("a", None, 1, 0), ("b", None, 1, 1)],  # time wins
    "a<break/>b": [("a", None, 1, 0), ("b", None, 1, 0.4)],
    '<break time="1s"/>a': [("a", None, 1, 1)],
    'a<break time="1s"/> ': [("a", None, 1, 0), ("", None, 1, 1)],
    '<break time="1s"/>': [("", None, 1, 1)],
    "<s>a <break time='1s'/> b</s>": [("a", None, 1, 0), ("b.", None, 1, 1)],  # a break does not end a sentence
    "<s>a<break time='1s'/></s>b": [("a.", None, 1, 0), ("b", None, 1, 1)],
    "<p>a</p><p>b</p>\n<p/>": [("a.", None, 1, 0), ("b.", None, 1, 0.8)],
    "a<p>b</p>c": [("a.", None, 1, 0), ("b.", None, 1, 0.8), ("c", None, 1, 0.8)],
    "<p>a</p><break time='1s'/><p>b</p>": [("a.", None, 1, 0), ("b.", None, 1, 1.8)],
    "<voice name='x'>a</voice> b": [("a", "x", 1, 0), ("b", None, 1, 0)],
    "<voice name='x'>a <voice name='y'>b</voice> c</voice>": [("a", "x", 1, 0), ("b", "y", 1, 0), ("c", "x", 1, 0)],
    "<prosody rate='1.1'>a</prosody> b": [("a", None, 1.1, 0), ("b", None, 1, 0)],
    "<prosody rate='50%'>a</prosody>": [("a", None, 0.5, 0)],
    "<prosody rate='+20%'>a</prosody>": [("a", None, 1.2, 0)],
    "<prosody rate='-20%'>a</prosody>": [("a", None, 0.8, 0)],
    "<prosody rate='1.1'>a <prosody rate='110%'>b</prosody></prosody>": [("a", None, 1.1, 0), ("b", None, 1.21, 0)],
    "<prosody rate='4'>a<prosody rate='0.25'>b</prosody></prosody>": [("a", None, 4, 0), ("b", None, 1, 0)],
    "<voice name='x'><p>a</p><prosody rate='2'><p>b</p></prosody></voice>": [("a.", "x", 1, 0), ("b.", "x", 2, 0.8)],
}  # fmt: skip


@pytest.mark.parametrize("content", SEGMENTS)
def test_segments(content: str) -> None:
    assert speak(f"<speak>{content}</speak>") == SEGMENTS[content]


@pytest.mark.parametrize(
    ("strength", "seconds"), [("x-weak", 0.1), ("weak", 0.2), ("medium", 0.4), ("strong", 0.8), ("x-strong", 1.2)]
)
def test_strengths_of_breaks(strength: str, seconds: float) -> None:
    assert speak(f'<speak>a<break strength="{strength}"/>b</speak>')[1] == ("b", None, 1, seconds)


@pytest.mark.parametrize(("word", "factor"), [("x-slow", 0.5), ("slow", 0.75), ("fast", 1.25), ("x-fast", 1.5)])
def test_words_for_rates(word: str, factor: float) -> None:
    assert speak(f'<speak><prosody rate="{word}">a</prosody></speak>') == [("a", None, factor, 0)]


@pytest.mark.parametrize("word", ["medium", "default"])
def test_words_for_the_rate_of_the_run(word: str) -> None:
    assert speak(f'<speak><prosody rate="{word}">a</prosody></speak>') == [("a", None, 1, 0)]


@pytest.mark.parametrize(
    "row",
    [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<speak version="1.1" xml:lang="en-US" {NAMESPACES}>é</speak>',
        '\r\n <?xml version="1.0" encoding="utf-16"?><!-- a --><speak version="1.0">é</speak>\n<!-- b -->\n',
        '<?xml version="1.0"?><s:speak xmlns:s="http://www.w3.org/2001/10/synthesis">é</s:speak>',
    ],
)
def test_how_documents_begin(row: str) -> None:
    assert speak(row) == [("é", None, 1, 0)]


XML = (
    "expected well-formed XML (not well-formed (invalid token)); write & as &amp; and < as &lt; in a text, and the "
    "values of attributes in quotes"
)
KNOWN = "expected one of <speak>, <p>, <s>, <break>, <voice>, <prosody>, <phoneme>, <sub>, <say-as>"
TAKE_OUT = "take it out, or write its text alone"
EMPTY = "line 1, column 1: got a document without text, expected words or a break in it; add some"
REFUSED = {
    "<speak/>": EMPTY,
    "<speak> <s/> <p>\n</p> <!-- x --><p>&#160;</p></speak>": EMPTY,
    "<speak>a <sub alias='x'>&#160;</sub></speak>": "line 1, column 10: got <sub> without text, expected the words "
    "that it is about; write them inside of it",
    # not well-formed
    "<speak>\n<p>a": "line 2, column 5: got the end of the document, expected </p>; add it",
    "<?xml version='1.0'?>": "line 1, column 22: got the end of the document, expected <speak>...</speak>; add it",
    "<speak>😀é<p>a</speak>": "line 1, column 14: got '</speak>', expected </p>; close the elements in the order in "
    "which they were opened",
    "<speak>a &nbsp; b</speak>": "line 1, column 10: got '&nbsp;', expected &amp; &lt; &gt; &quot; &apos; or a number "
    "such as &#160;; write the character itself",
    "<speak>Fish & chips</speak>": f"line 1, column 13: got '& chips</speak>', {XML}",
    "<speak>😀\r\né &amp</speak>": f"line 2, column 3: got '&amp</speak>', {XML}",
    "<speak>a < b</speak>": f"line 1, column 11: got ' b</speak>', {XML}",
    "<speak version=1>a</speak>": f"line 1, column 16: got '1>a</speak>', {XML}",
    "<speak>a\x00</speak>": rf"line 1, column 9: got '\x00</speak>', {XML}",
    "<speak>a\ud800</speak>": rf"line 1, column 9: got '\ud800</speak>', {XML}",
    "<speak>a</speak> b": "line 1, column 18: got 'b', expected nothing behind </speak>; take it out",
    "<speak>a</speak><speak>": "line 1, column 17: got '<speak>', expected nothing behind </speak>; take it out",
    "<speak>a<!-- b": "line 1, column 9: got '<!-- b', expected a '>' at its end; close it",
    "<speak>&#0;</speak>": "line 1, column 8: got '&#0;', expected well-formed XML (reference to invalid character "
    "number); correct it",
    "<speak><mstts:x/></speak>": "line 1, column 8: got '<mstts:x/>', expected well-formed XML (unbound prefix); "
    "correct it",
    # DTDs and entities
    "<?xml version='1.0'?>\n<!DOCTYPE speak SYSTEM 'x.dtd'>\n<speak>a</speak>": "line 2, column 1: got <!DOCTYPE, "
    "expected no DTD; take it out, and write the texts of its entities themselves",
    "<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><speak>&b;</speak>": "line 1, column "
    "22: got <!DOCTYPE, expected no DTD; take it out, and write the texts of its entities themselves",
    # elements
    "<speaker>a</speaker>": f"line 1, column 1: got <speaker>, {KNOWN} (did you mean 'speak'?); {TAKE_OUT}",
    "<?xml version='1.0'?><p>a</p>": "line 1, column 22: got <p>, expected <speak> around the document, and once; "
    "write the document as <speak>...</speak>",
    "<speak><speak>a</speak></speak>": "line 1, column 8: got <speak>, expected <speak> around the document, and "
    "once; write the document as <speak>...</speak>",
    "<speak>\n é <audio src='x'>a</audio></speak>": f"line 2, column 4: got <audio>, {KNOWN}; {TAKE_OUT}",
    "<speak><mark name='x'/></speak>": f"line 1, column 8: got <mark>, {KNOWN}; {TAKE_OUT}",
    "<speak><emphasis>a</emphasis></speak>": f"line 1, column 8: got <emphasis>, {KNOWN}; {TAKE_OUT}",
    "<speak><x:s xmlns:x='urn:x'>a</x:s></speak>": f"line 1, column 8: got <x:s>, {KNOWN}; {TAKE_OUT}",
    "<speak><p><p>a</p></p></speak>": "line 1, column 11: got <p> in <p>, expected one behind the other; close <p> "
    "first",
    "<speak><s>a <p>b</p></s></speak>": "line 1, column 13: got <p> in <s>, expected one behind the other; close <s> "
    "first",
    "<speak><s><voice name='x'><s>a</s></voice></s></speak>": "line 1, column 27: got <s> in <s>, expected one behind "
    "the other; close <s> first",
    "<speak><sub alias='x'>a <break/></sub></speak>": "line 1, column 25: got <break>, expected text alone in <sub>; "
    "close <sub> first",
    "<speak><break>é</break></speak>": "line 1, column 15: got 'é', expected nothing inside of <break>; write the text "
    "behind it",
    "<speak><break><s/></break></speak>": "line 1, column 15: got <s>, expected no element in <break>; close <break> "
    "first",
    "<speak><sub alias='x'> \n</sub></speak>": "line 1, column 8: got <sub> without text, expected the words that it "
    "is about; write them inside of it",
    "<speak>" + 9 * "<voice name='x'>" + "<s>": "line 1, column 152: got <s> in 10 others, expected at most 10 in one "
    "another; nest them less",
    # attributes
    "<speak version='2.0'>a</speak>": "line 1, column 8: got version='2.0' of <speak>, expected 1.0 or 1.1; correct it",
    "<speak xml:base='x'>a</speak>": "line 1, column 8: got xml:base='x' of <speak>, expected version of <speak>; "
    "leave it out",
    "<speak><p xml:lang='fr'>a</p></speak>": "line 1, column 11: got xml:lang='fr' of <p>, expected no attribute of "
    "<p>; leave it out",
    "<speak><prosody\n  rate='1' pitch=\"high\">a</prosody></speak>": "line 2, column 12: got pitch='high' of "
    "<prosody>, expected rate of <prosody>; leave it out",
    "<speak><prosody>a</prosody></speak>": 'line 1, column 8: got <prosody> without rate, expected rate="120%" or '
    "the like; add it",
    "<speak><voice>a</voice></speak>": 'line 1, column 8: got <voice> without name, expected name="af_heart" or the '
    "like; add it",
    "<speak><phoneme alphabet='ipa'>a</phoneme></speak>": "line 1, column 8: got <phoneme> without ph, expected "
    'ph="wˈɜɹd" or the like; add it',
    "<speak><sub>a</sub></speak>": 'line 1, column 8: got <sub> without alias, expected alias="other words" or the '
    "like; add it",
    "<speak><say-as>a</say-as></speak>": "line 1, column 8: got <say-as> without interpret-as, expected "
    'interpret-as="characters" or the like; add it',
    # values
    "<speak><break time='1m'/></speak>": "line 1, column 15: got time='1m' of <break>, expected a length from 0s to "
    "60s, such as 0.5s or 500ms; correct it",
    "<speak><break time='61s'/></speak>": "line 1, column 15: got time='61s' of <break>, expected a length from 0s to "
    "60s, such as 0.5s or 500ms; correct it",
    "<speak><break strength='huge'/></speak>": "line 1, column 15: got strength='huge' of <break>, expected one of "
    "none, x-weak, weak, medium, strong, x-strong; correct it",
    "<speak><voice name='a*2'>a</voice></speak>": "line 1, column 15: got name='a*2' of <voice>, expected a voice, "
    "such as af_heart or af_heart*0.6+am_adam*0.4 (voice 'a*2': a weight has no meaning for a single voice; add "
    "another with +, or drop it); correct it",
    "<speak><prosody rate='quick'>a</prosody></speak>": "line 1, column 17: got rate='quick' of <prosody>, expected a "
    "number from 0.25 to 4, such as 1.1, 110%, +10%, or one of x-slow, slow, medium, default, fast, x-fast; correct it",
    "<speak><prosody rate='-80%'>a</prosody></speak>": "line 1, column 17: got rate='-80%' of <prosody>, expected a "
    "number from 0.25 to 4, such as 1.1, 110%, +10%, or one of x-slow, slow, medium, default, fast, x-fast; correct it",
    "<speak><prosody rate='4'><prosody rate='1.5'>a</prosody></prosody></speak>": "line 1, column 35: got rate='1.5' "
    "of <prosody>, expected 0.25 to 4 with the rates around it, not 6; correct one of them",
    "<speak><phoneme alphabet='x-sampa' ph='a'>a</phoneme></speak>": "line 1, column 17: got alphabet='x-sampa' of "
    "<phoneme>, expected ipa; write its phonemes in IPA",
    "<speak><phoneme ph='a/b'>a</phoneme></speak>": "line 1, column 17: got ph='a/b' of <phoneme>, expected phonemes "
    "without a '/', such as wˈɜɹd; correct them",
    "<speak><phoneme ph=' '>a</phoneme></speak>": "line 1, column 17: got ph=' ' of <phoneme>, expected phonemes "
    "without a '/', such as wˈɜɹd; correct them",
    "<speak><sub alias=' '>a</sub></speak>": "line 1, column 13: got alias=' ' of <sub>, expected the words that are "
    "spoken; write them",
    "<speak><say-as interpret-as='digits'>a</say-as></speak>": "line 1, column 16: got interpret-as='digits' of "
    "<say-as>, expected one of characters, spell-out, cardinal, number, ordinal, date, telephone; correct it",
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSED)
def test_refused_with_its_place(row: str) -> None:
    with pytest.raises(RunError) as caught:
        read_script(row)
    assert str(caught.value) == REFUSED[row]


def test_ten_elements_in_one_another_are_read() -> None:
    assert speak("<speak>" + 8 * "<voice name='x'>" + "<s>a</s>" + 8 * "</voice>" + "</speak>") == [("a.", "x", 1, 0)]


def test_a_bomb_of_entities_is_refused_before_it_grows() -> None:
    entities = "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10}">' for at in range(1, 30))
    row = f"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY a0 'ha'>{entities}]><speak>&a29;</speak>"
    with pytest.raises(RunError, match="no DTD"):
        read_script(row)


WORDS = {  # document -> words of its text, in the order of the segments, and what they stand for in it
    "<speak>Fish &amp; chips</speak>": [("Fish", "Fish"), ("&", "&amp;"), ("chips", "chips")],
    "<speak>AT&amp;T 😀 x</speak>": [("AT&T", "AT&amp;T"), ("😀", "😀"), ("x", "x")],
    "<speak>caf&#233;\r\n\r\n\tna\u00efve</speak>": [("café", "caf&#233;"), ("naïve", "naïve")],
    " \n<?xml version='1.0'?>\r\n<speak>😀😀\r\n&#x1F600;b</speak>": [("😀😀", "😀😀"), ("😀b", "&#x1F600;b")],
    "<speak>one<s>two</s><break/>three</speak>": [("one", "one"), ("two", "two"), ("three", "three")],
    "<speak>a [b] <![CDATA[<c> &amp;]]> d</speak>": [("[b]", "[b]"), ("<c>", "<c>"), ("&amp;", "&amp;"), ("d", "d")],
    "<speak>see <sub alias='x'>W[H]O</sub>.</speak>": [("see", "see"), ("W", "W"), ("H", "H"), ("O", "O")],
    "<speak>a<![CDATA[&]]>b <![CDATA[&]]>; c</speak>": [
        ("a", "a"),
        ("&", "&"),
        ("b", "b"),
        ("&;", "&]]>;"),
        ("c", "c"),
    ],
    "<speak>x&amp;</speak>": [("x&", "x&amp;")],
    "<speak>a\r\n<!-- b --> \r\rc</speak>": [("a", "a"), (" ", "\r\n<!-- b --> \r\r"), ("c", "c")],
    "<speak>a\r\nb</speak>": [("a", "a"), (" ", "\r\n"), ("b", "b")],
    "<speak>&amp;</speak>": [("&", "&amp;")],
    "<speak>a&amp;</speak>": [("a&", "a&amp;")],
    "<speak>ab<!-- é --> cd</speak>": [("ab", "ab"), ("cd", "cd")],
}


@pytest.mark.parametrize("row", WORDS)
def test_words_are_found_in_the_document(row: str) -> None:
    segments, at, least = read_script(row), 0, row.index("<speak>") + len("<speak>")
    for word, written in WORDS[row]:
        spelled = word.replace("[", r"\[")
        while (start := segments[0].text.find(spelled, at)) < 0:
            segments, at = segments[1:], 0
        at, places = start + len(spelled), segments[0].places
        begin, end = places.find(start), places.find_end(at)
        assert row[begin:end] == written
        assert begin == row.index(written, least)
        least = end


def test_what_is_added_has_the_place_of_its_neighbour() -> None:
    row = "<speak><s>one <sub alias='three'>two</sub> </s></speak>"
    (segment,) = read_script(row)
    assert segment.text == "one [two](=three)."
    begin, end = row.index("two"), row.index("two") + 3
    assert [segment.places.find(at) for at in (4, 5, 8, 10, 17, 18)] == [begin, begin, end, end, end, end]
    assert [segment.places.find_end(at) for at in (3, 4, 5, 8, 17, 18)] == [13, 14, begin, end, end, end]


def test_the_ends_of_a_text_are_those_of_its_characters() -> None:
    row = "<speak>&amp;b&lt;</speak>"
    places = read_script(row)[0].places
    assert [places.find(at) for at in (-1, 0, 1, 2, 3, 4)] == [7, 7, 12, 13, 17, 17]
    assert [places.find_end(at) for at in (-1, 0, 1, 2, 3, 4)] == [7, 7, 12, 13, 17, 17]


def test_lines_are_counted_from_that_of_the_row() -> None:
    with pytest.raises(RunError, match=r"^line 8, column 2: got <b>"):
        read_script("<speak>\n <b/></speak>", line=7)
    with pytest.raises(RunError, match=r"^line 7, column 8: got the end"):
        read_script("<speak>", line=7)


def test_a_pause_at_the_end_has_the_place_of_its_break() -> None:
    row = "<speak>a <break/> <break/></speak>"
    end = read_script(row)[1]
    assert (end.text, end.places.find(0), end.places.find_end(0)) == ("", 9, 9)


def find_written(row: str, segments: list[Segment]) -> list[tuple[int, int]]:
    """Find the places of all characters that are in the row; check that they are in order and stand for themselves."""
    found: list[tuple[int, int]] = []
    for segment in segments:
        places, text = segment.places, segment.text
        for at, character in enumerate(text):
            begin, end = places.find(at), places.find_end(at + 1)
            assert begin >= (found[-1][0] if found else 0)
            if begin == end or (character == "\\" and (at + 1 < len(text) and places.find(at + 1) == begin)):
                continue  # it was added
            written = row[begin:end]
            assert not written.strip(" \t\r\n") or character in {written, html.unescape(written), " "}, (
                written,
                character,
            )
            assert begin >= (found[-1][1] if found else 0)
            if not character.isspace():
                found.append((begin, end))
    return found


TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<&>\x7f\ufffe\uffff"), max_size=8).map(
        lambda text: "".join(char for char in text if char in "\t\r\n" or ord(char) >= 32)
    ),
    st.sampled_from(
        ["&amp;", "&#x1F600;", "&#32;", "[a](=b)", "[pause:1s]", "\\", "\r\n", "  ", "Mr. X!", "é😀", "]", ")"]
    ),
    st.sampled_from(["<![CDATA[a &amp; <b> [\r\n]]>", "<!-- x -->", "<?x y?>", "<break/>", "<break strength='none'/>"]),
)
PLAIN = TEXT.filter(lambda text: "<break" not in text)


def nest(content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    contents = st.lists(content, max_size=4).map("".join)
    words = st.lists(PLAIN, max_size=2).map(lambda texts: "x" + "".join(texts))
    return st.one_of(
        contents.map("<voice name='a+b'>{}</voice>".format),
        contents.map("<prosody rate='+1%'>{}</prosody>".format),
        words.map("<phoneme ph='a)'>{}</phoneme>".format),
        words.map("<sub alias='(b] \\'>{}</sub>".format),
        words.map("<say-as interpret-as='date'>{}</say-as>".format),
    )


INLINE = st.lists(st.recursive(TEXT, nest, max_leaves=8), max_size=5).map("".join)
BLOCK = st.one_of(
    INLINE,
    INLINE.map("<s>{}</s>".format),
    INLINE.map("<p>{}</p>".format),
    st.lists(INLINE.map("<s>{}</s>".format), max_size=3).map(lambda sentences: f"<p>{''.join(sentences)}</p>"),
)
DOCUMENT = st.lists(BLOCK, max_size=4).map(lambda blocks: f"\n<speak>{''.join(blocks)}</speak>")


@settings(max_examples=200, deadline=None)
@given(DOCUMENT)
@example("\n<speak>\\<sub alias='a'>x\\</sub>\\<s/>[</speak>")
def test_a_document_keeps_all_its_characters(row: str) -> None:
    written = "".join("".join(ET.fromstring(row.strip()).itertext()).split())
    try:
        segments = read_script(row)
    except RunError:
        assert not written
        return
    places = find_written(row, segments)
    spelled = "".join(row[begin:end] if end - begin == 1 else html.unescape(row[begin:end]) for begin, end in places)
    assert spelled == written
    assert all(each.text == each.text.strip(" ") and "  " not in each.text for each in segments)
    assert not any(each.text.isspace() for each in segments)
    assert all(each.text for each in segments[:-1])


@settings(max_examples=300, deadline=None)
@given(DOCUMENT, st.data())
def test_a_mangled_document_is_read_or_refused(row: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(len("\n<speak"), len(row)))
        end = data.draw(st.integers(begin, min(len(row), begin + 6)))
        piece = data.draw(
            st.one_of(st.just(""), st.text(max_size=3), st.sampled_from(["<", ">", "</", "&", "'", "<s>"]))
        )
        row = row[:begin] + piece + row[end:]
    try:
        find_written(row, read_script(row))
    except RunError as error:
        place = str(error).partition(":")[0].split()
        assert place[:1] + place[2:3] == ["line", "column"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.sampled_from(["<speak>", "<speak", "<?xml", "<?xml version='1.0'?>", "<speak><voice "]))
def test_any_row_that_begins_as_a_document_is_read_or_refused(text: str, begin: str) -> None:
    try:
        find_written(begin + text, read_script(begin + text))
    except RunError:
        return


UNITS = [
    "Hello, World. ",
    "&amp;",
    "<s>é &amp; 😀</s>\r\n",
    "a<break/>",
    '<sub alias="x">a]</sub>',
    "[",
    "a\n",
    "  \n",
    "<!-- x -->",
]


@pytest.mark.parametrize("unit", UNITS)
def test_the_time_is_linear(unit: str) -> None:
    def measure(size: int) -> float:
        row = f"<speak>x{unit * (size // len(unit))}</speak>"
        times = []
        for _ in range(3):
            begin = time.process_time()
            read_script(row)
            times.append(time.process_time() - begin)
        return min(times)

    assert measure(100_000) < 40 * measure(10_000) + 0.05


def test_a_document_of_a_megabyte() -> None:
    sentence = "<s>Fish &amp; chips, <break time='10ms'/>😀 said <voice name='x'>she</voice></s>\n"
    row = f"<speak>{sentence * (1_000_000 // len(sentence))}</speak>"
    segments = read_script(row)
    assert len(segments) == 3 * (1_000_000 // len(sentence))
    assert segments[-1].text == "she."
    assert segments[-1].places.find(0) == row.rindex("she")


def test_the_page_has_every_element_and_value(repository: Path) -> None:
    page = (repository / "docs" / "markup.md").read_text("utf-8")
    for name, attributes in ATTRIBUTES.items():
        assert f"`<{name}" in page
        assert all(f"{attribute}=" in page for attribute in attributes if "}" not in attribute)
    for strength, seconds in STRENGTHS.items():
        assert f"| `{strength}` | {float(seconds):g} s |" in page
    for word, factor in RATES.items():
        assert f"`{word}` {float(factor):g}" in page
    assert all(f"`{manner}`" in page for manner in MANNERS)
