"""libespeak-ng: events, phonemes, and the voices."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("parselmouth", reason="the extra [train] is not installed")

from training import espeak as espeak_module
from training.alignment import align, frames_of, segments
from training.errors import TrainingError
from training.espeak import Espeak
from training.features import at_24_khz, pitch
from training.sentences import heldout, sentences
from training.speakers import SPEAKERS
from training.spelling import SPELLINGS, vocabulary

_PHONEMES = (
    "p,b,t,d,k,ɡ,tʃ,dʒ,f,v,θ,ð,s,z,ʃ,ʒ,h,m,n,ŋ,l,ɹ,j,w,ɾ,ə,ɐ,ɚ,ɜː,ᵻ,əl,iə,i,iː,ɪ,eɪ,ɛ,æ,ɑː,ʌ,ɔː,oʊ,ʊ,uː,aɪ,aʊ,ɔɪ"
)
_CLUSTERS = (
    " bl, bɹ, kl, kɹ, dɹ, fl, fɹ, ɡl, ɡɹ, pl, pɹ, sk, sl, sm, sn, sp, st, sw, tɹ, tw, kw, θɹ, skɹ, spl, spɹ, stɹ, hj,"
    "mp,nt,nd,ŋk,ŋz,lt,ld,lk,ɹt,ɹd,ɹk,ɹm,ɹn,ɹl,kt,pt,ft,ks,ts,ps,dz,mz,nz,lz,vd,zd,st ,sts,nts,ndz,ʃt,tʃt,dʒd"
)


@pytest.fixture(scope="module", params=sorted(SPEAKERS))
def speaker_name(request: pytest.FixtureRequest) -> str:
    """A voice of the corpus, where libespeak-ng is installed."""
    name: str = request.param
    try:
        SPEAKERS[name].espeak()
    except TrainingError as error:
        pytest.skip(str(error))
    return name


def test_phonemes_are_the_events_with_stress(speaker_name: str) -> None:
    espeak = SPEAKERS[speaker_name].espeak()
    for text in heldout()[:20]:
        events = [phoneme.ipa for phoneme in espeak.speak(text).phonemes if phoneme.ipa]
        assert [phoneme.lstrip("ˈˌ") for phoneme in espeak.phonemes(text)] == events


def test_speak_gives_samples_of_events_in_order(speaker_name: str) -> None:
    utterance = SPEAKERS[speaker_name].espeak().speak("Seven ships, and a whale.")
    begins = [phoneme.sample for phoneme in utterance.phonemes]
    assert begins == sorted(begins)
    assert begins[-1] <= len(utterance.samples)
    assert [utterance.phonemes[0].ipa, utterance.phonemes[0].word] == ["s", 0]
    # The fricative that begins the second word is loud where its event says, the pause after it is not.
    pause = next(phoneme.sample for phoneme in utterance.phonemes if not phoneme.ipa)
    assert np.abs(utterance.samples[pause + 1000 : pause + 2000]).max() < 0.02 * np.abs(utterance.samples).max()


def test_ipa_has_the_stress_mark_before_the_vowel() -> None:
    try:
        assert Espeak().ipa("Hello world") == "həlˈoʊ wˈɜːld"
    except TrainingError as error:
        pytest.skip(str(error))


def test_sentences_have_every_phoneme_and_common_cluster(speaker_name: str) -> None:
    espeak = SPEAKERS[speaker_name].espeak()
    phonemes: Counter[str] = Counter()
    heard = ""
    for text in itertools.islice(sentences(1), 1500):
        phonemes.update(phoneme.strip("ˈˌ") for phoneme in espeak.phonemes(text))
        heard += " " + espeak.ipa(text).replace("ˈ", "").replace("ˌ", "")
    assert {phoneme for phoneme in _PHONEMES.split(",") if phonemes[phoneme] < 3} == set()
    assert {cluster for cluster in _CLUSTERS.split(",") if heard.count(cluster) < 2} == set()


def test_align_spells_what_espeak_prints(speaker_name: str) -> None:
    espeak = SPEAKERS[speaker_name].espeak()
    text = "They found the judge in the garden"
    utterance = espeak.speak(text)
    parts = segments(text, utterance, espeak.phonemes(text))
    assert parts is not None
    made = [align(parts, frames_of(utterance), spelling, vocabulary()).symbols for spelling in SPELLINGS]
    assert made[1] == espeak.ipa(text)
    assert made[0] == "ðA fˈWnd ðə ʤˈʌʤ ɪn ðə ɡˈɑɹdən"


def test_speakers_are_a_low_and_a_high_one(speaker_name: str) -> None:
    speaker = SPEAKERS[speaker_name]
    utterance = speaker.espeak().speak(heldout()[0])
    f0 = pitch(at_24_khz(utterance.samples, utterance.sample_rate, frames_of(utterance)), *speaker.f0_range_hz)
    low, high = {"low": (90, 115), "high": (175, 225)}[speaker_name]
    assert low < f0[f0 > 0].mean() < high


def test_espeak_names_the_package_when_the_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espeak_module, "_loaded", None)
    monkeypatch.setattr(espeak_module, "_LIBRARY", "libespeak-ng-of-nowhere.so.1")
    with pytest.raises(TrainingError, match="apt-get install libespeak-ng1"):
        Espeak()
