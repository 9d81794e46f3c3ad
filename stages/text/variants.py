"""Words that go before the entries of the lexicon, American and British.

They are the variants of homographs of which it has only one, and words that it has not, or only without their accent.
"""

from __future__ import annotations

from stages.text.names import NAMES

VARIANTS = """
lead     DEFAULT  lˈid        lˈiːd
lead     METAL    lˈɛd        lˈɛd
row      DEFAULT  ɹˈO         ɹˈQ
row      QUARREL  ɹˈW         ɹˈW
rows     DEFAULT  ɹˈOz        ɹˈQz
rows     QUARREL  ɹˈWz        ɹˈWz
bowed    DEFAULT  bˈOd        bˈQd
bowed    VERB     bˈWd        bˈWd
sewer    DEFAULT  sˈuəɹ       sˈuːə
sewer    PERSON   sˈOəɹ       sˈQə
drawer   DEFAULT  dɹˈɔɹ       dɹˈɔː
drawer   PERSON   dɹˈɔəɹ      dɹˈɔːə
number   DEFAULT  nˈʌmbəɹ     nˈʌmbə
number   NUMB     nˈʌməɹ      nˈʌmə
does     DEFAULT  dˈʌz        dˈʌz
does     DEER     dˈOz        dˈQz
Polish   DEFAULT  pˈOlɪʃ      pˈQlɪʃ
Polish   VERB     pˈɑlɪʃ      pˈɒlɪʃ
Nice     DEFAULT  nˈIs        nˈIs
Nice     PLACE    nˈis        nˈiːs
Reading  DEFAULT  ɹˈidɪŋ      ɹˈiːdɪŋ
Reading  PLACE    ɹˈɛdɪŋ      ɹˈɛdɪŋ
Job      DEFAULT  ʤˈɑb        ʤˈɒb
Job      NAME     ʤˈOb        ʤˈQb
bases    DEFAULT  bˈAsᵻz      bˈAsɪz
bases    BASIS    bˈAsiz      bˈAsiːz
resume   DEFAULT  ɹəzˈum      ɹɪzjˈuːm
resume   NOUN     ɹˈɛzəmˌA    ɹˈɛzjʊmˌA
resumes  DEFAULT  ɹəzˈumz     ɹɪzjˈuːmz
resumes  NOUN     ɹˈɛzəmˌAz   ɹˈɛzjʊmˌAz
blessed  DEFAULT  blˈɛst      blˈɛst
blessed  ADJ      blˈɛsᵻd     blˈɛsɪd
aged     DEFAULT  ˈAʤd        ˈAʤd
aged     ADJ      ˈAʤᵻd       ˈAʤɪd
cursed   DEFAULT  kˈɜɹsəd     kˈɜːsɪd
cursed   VERB     kˈɜɹst      kˈɜːst
Ms       DEFAULT  mˈɪz        mˈɪz
Messrs   DEFAULT  mˈɛsəɹz     mˈɛsəz
cliché   DEFAULT  klˌiʃˈA     klˈiːʃA
fiancé   DEFAULT  fˌiˌɑnsˈA   fiˈɒnsA
fiancée  DEFAULT  fˌiˌɑnsˈA   fiˈɒnsA
résumé   DEFAULT  ɹˈɛzəmˌA    ɹˈɛzjʊmˌA
resumé   DEFAULT  ɹˈɛzəmˌA    ɹˈɛzjʊmˌA
rosé     DEFAULT  ɹˌOzˈA      ɹˈQzA
touché   DEFAULT  tˌuʃˈA      tuːʃˈA
blasé    DEFAULT  blˌɑzˈA     blˈɑːzA
sauté    DEFAULT  sˌɔtˈA      sˈQtA
exposé   DEFAULT  ˌɛkspəzˈA   ɛkspˈQzA
soufflé  DEFAULT  sˌuflˈA     sˈuːflA
risqué   DEFAULT  ɹˌɪskˈA     ɹˈɪskA
passé    DEFAULT  pˌæsˈA      pˈasA
attaché  DEFAULT  ˌæTəʃˈA     ətˈaʃA
protégé  DEFAULT  pɹˈOTəʒˌA   pɹˈɒtɪʒˌA
protégée DEFAULT  pɹˈOTəʒˌA   pɹˈɒtɪʒˌA
entrée   DEFAULT  ˈɑntɹˌA     ˈɒntɹA
José     DEFAULT  hˌOzˈA      hQzˈA
André    DEFAULT  ˈɑndɹˌA     ˈɒndɹA
Chloé    DEFAULT  klˈOi       klˈQi
Beyoncé  DEFAULT  biˈɑnsA     biˈɒnsA
Pokémon  DEFAULT  pˈOkəmˌɑn   pˈQkɪmˌɒn
sh       DEFAULT  ʃ           ʃ
ssh      DEFAULT  ʃ           ʃ
shh      DEFAULT  ʃ           ʃ
psst     DEFAULT  psˈɪst      psˈɪst
tsk      DEFAULT  tˈɪsk       tˈɪsk
brr      DEFAULT  bˈɜɹ        bˈɜː
grr      DEFAULT  ɡˈɜɹ        ɡˈɜː
zz       DEFAULT  zˈɪz        zˈɪz
hm       DEFAULT  hˈʌm        hˈʌm
hmm      DEFAULT  hˈʌm        hˈʌm
mm       DEFAULT  ˈʌm         ˈʌm
aah      DEFAULT  ˈɑ          ˈɑː
argh     DEFAULT  ˈɑɹɡ        ˈɑːɡ
"""


def find_variants(word: str, *, british: bool) -> dict[str, str] | None:
    """Find the variants of a word, in its capitals and then in lower case, or of a name in any: phonemes by key."""
    found = TABLE[british].get(word) or TABLE[british].get(word.lower())
    return found or _NAMES[british].get(word.lower())


def _read(column: int) -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {}
    for word, key, *phonemes in (line.split() for line in VARIANTS.strip().split("\n")):
        table.setdefault(word, {})[key] = phonemes[column]
    return table


def _read_names(column: int) -> dict[str, dict[str, str]]:
    rows = (row.split() for row in NAMES.strip().split("\n"))
    return {name.lower(): {"DEFAULT": phonemes[column]} for name, *phonemes in rows}


TABLE = (_read(0), _read(1))
_NAMES = (_read_names(0), _read_names(1))
