"""Classes of English words, which the rules for homographs ask of a word's neighbours.

`LISTED` has a class a line, and its words: the closed classes in full, common words of the open ones. A word may stand
in several. A word that is listed nowhere gets its class by its last letters (`ENDINGS`, the longest wins), else OPEN.
A contraction is taken apart: "I'll" before a homograph is 'll (MODAL), and after it is I (SUBJ).
"""

from __future__ import annotations

from functools import lru_cache

LISTED = """
DET     a an the this that these those each every no another either neither any some such what which whose half both
DET     all several many few much enough more most
POSS    my your his her its our their whose thy
SUBJ    i you he she it we they ye thou someone somebody everyone everybody anyone anybody nobody none
SINGULAR  he she it someone somebody everyone everybody anyone anybody nobody
OBJ     me you him her it us them myself yourself himself herself itself ourselves yourselves themselves
OBJ     something anything nothing everything
MODAL   can could will would shall should may might must cannot can't couldn't won't wouldn't shan't shouldn't mightn't
MODAL   mustn't needn't 'll 'd
DO      do does did don't doesn't didn't
BE      am is are was were be been being isn't aren't wasn't weren't ain't 'm 're
HAVE    have has had having haven't hasn't hadn't 've 'd
TO      to
NOT     not never hardly scarcely
PREP    of in on at by for from with without into onto upon over under above below through throughout after before
PREP    during between among against about around behind beside besides beyond near toward towards until till within
PREP    across along amid per via despite as like off than concerning regarding inside outside beneath round
CONJ    and or but nor yet
SUB     if when while because although though unless since whether where whereas once lest whenever
WH      who what which when where why how whom whoever whatever
ADV     always often never sometimes usually still just also even only really ever soon already then now too so very
ADV     quite rarely seldom almost well not perhaps maybe once twice again simply both first last further later indeed
ADV     therefore thus together actually first here there yesterday today tomorrow
DEG     very too so more most less least quite rather extremely somewhat fairly pretty how as completely
NUM     one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred thousand
NUM     million billion dozen
TIME    night day time morning evening afternoon moment year week month hour minute summer winter spring autumn way kind
TIME    sort age
ADJ     new old good bad great big small large little long short high low young early late own same other last first
ADJ     next second third public private recent full free true false real whole main major minor major strong weak hard
ADJ     easy hot cold warm cool dark light bright deep wide narrow heavy thick thin rich poor happy sad angry quiet loud
ADJ     clean dirty dry wet fresh sweet sharp soft rough smooth safe clear open red blue green black white brown grey
ADJ     gray yellow golden silver wooden nice fine best better worst worse strange certain sure ready entire complete
ADJ     brief former latter total sudden slow quick fast rapid steady huge tiny vast common rare proper joint written
ADJ     official dead fair sole sworn proud lean pure fierce loose tight rusty broken hidden hungry tall fat plain stiff
ADJ     brave calm faint mere utter sheer grim sore dull blank single double human modern ancient foreign daily weekly
ADJ     monthly yearly several blunt flat severe firm secret solid polite slight odd desperate right wrong left
NOUN    man woman child boy girl dog cat house room door car book government company team army school world city
NOUN    country state water food money power court law music war bank market price trade oil gas steel party group
NOUN    family church king queen student judge firm board union council crowd class paper report news story
NOUN    word language phone machine engine system drug alcohol wage land sea river hair road street
NOUN    table desk body hand foot head eye face heart blood fire gold fruit sugar farm office store shop tree garden
NOUN    hill field sun moon sky rain snow guitar violin piano sales sports arms goods data fat web household farm
NOUN    bird horse train ship path letter mother father sister brother wife husband friend plan life ball
CROWD   people men women children police students others those critics scientists many most some these both
VERB    go come get make take give see know think say tell ask want need try use find put let keep feel seem become
VERB    leave call work play run move live believe hold bring write sit stand lose pay meet learn lead understand watch
VERB    follow stop speak read spend grow open walk win teach offer remember consider buy serve die send build stay fall
VERB    cut reach kill raise pass sell decide return explain hope carry break receive agree support hit produce eat
VERB    cover catch draw choose wear show help turn start begin look listen wait be have do enter visit answer marry
VERB    travel sing sleep cook clean wash drive fly swim climb jump save avoid contain include require suggest provide
VERB    allow protect change create finish improve reduce pull push fight hurt forget forgive gain obtain issue
PAST    went came got made took gave saw knew thought said told asked found put let kept felt became left ran held
PAST    brought wrote sat stood lost paid met led understood spoke spent grew won taught bought sent built fell cut hit
PAST    ate caught drew chose wore began broke drove flew swam sang slept rose threw shook hid rode bore swore tore woke
PAST    blew sank struck swung hung shot fought sought sold set lay drank forgot heard
THINK   say says said saying think thinks thought thinking know knows knew known knowing believe believes believed see
THINK   sees saw seen find finds found feel feels felt hope hopes hoped tell tells told suppose supposed fear feared
THINK   hear heard learn learned learnt realise realize realised realized notice noticed remember remembered forget
THINK   forgot forgotten decide decided admit admitted claim claimed explain explained fancy fancied imagine imagined
THINK   understand understood show shows showed shown suggest suggests suggested insist insisted agree agreed mean means
THINK   meant prove proved proves conclude concluded discover discovered doubt doubted argue argued declare declared
THINK   perceive perceived observe observed note noted judged assume assumed guess guessed wish wished pretend pretended
THINK   announce announced warn warned promise promised ensure indicate indicates indicated predict predicted suspect
THINK   suspected so such sure certain afraid glad sorry aware convinced happy confident persuaded clear likely possible
THINK   true evident obvious fact idea notion belief conviction impression feeling news proof evidence sign persuasion
THINK   provided chanced seems seem seemed appears appeared happened conscious plain assured assure confess confessed
GIVE    give gave given hand handed show showed pass passed bring brought buy bought get got lend lent send sent throw
GIVE    threw fetch read tell told pour fill
MAKE    let lets make makes made help helps helped hear heard see saw watch watched have had
SENSE   feel feels felt seem seems seemed look looks looked sound sounds sounded become becomes became grow grew stay
SENSE   stayed remain remains remained get got getting keep kept
"""

ENDINGS = """
ADV     ly
ING     ing
ED      ed
ADJ     ous ful ive able ible less ish ic ical ary ial ual onal ental ern ular ean
NOUN    tion sion ment ness ity ism ship ance ence hood dom age tude ogy er or ist ian
PLURAL  s
OPEN    ss us is
"""

CONTRACTED = {"ll": "MODAL", "d": "MODAL HAVE", "m": "BE", "re": "BE", "ve": "HAVE", "t": "MODAL NOT"}

REMEMBERED_WORDS = 1 << 14
CLASSES = dict.fromkeys(line.split()[0] for line in (LISTED + ENDINGS).split("\n") if line)
NAMES = (*CLASSES, "NAME", "CAPS", "PAUSE", "STOP", "QUOTE")
BITS = {name: 1 << at for at, name in enumerate(NAMES)}


def read_classes(table: str) -> dict[str, int]:
    """Read lines of a class and its words into the classes of each word, one bit a class."""
    found: dict[str, int] = {}
    for line in table.strip().split("\n"):
        name, *words = line.split()
        for word in words:
            found[word] = found.get(word, 0) | BITS[name]
    return found


WORDS, LAST_LETTERS = read_classes(LISTED), read_classes(ENDINGS)
MARKS = (
    dict.fromkeys(";:,.!?—…()", BITS["PAUSE"])
    | dict.fromkeys(".!?…", BITS["PAUSE"] | BITS["STOP"])
    | dict.fromkeys('"“”', BITS["QUOTE"])
)
PRONOUNS = BITS["SUBJ"] | BITS["WH"] | BITS["DET"] | BITS["ADV"]


@lru_cache(REMEMBERED_WORDS)
def classify(text: str, *, before: bool) -> int:
    """Give the classes of a word that stands before a homograph or after it, as bits."""
    word = text.lower()
    capitals = BITS["CAPS"] if text.isupper() and len(text) > 1 else 0
    listed = WORDS.get(word) or MARKS.get(word)
    if listed:
        return listed | capitals
    stem, apostrophe, ending = word.replace("’", "'").rpartition("'")
    if apostrophe and stem:
        return _classify_contraction(stem, ending, before=before)
    found = capitals | (BITS["NAME"] if text[:1].isupper() else 0)
    for length in (5, 4, 3, 2, 1):
        if word[-length:] in LAST_LETTERS:
            return found | LAST_LETTERS[word[-length:]]
    return found | (BITS["NUM"] if word[:1].isdigit() else BITS["OPEN"])


def _classify_contraction(stem: str, ending: str, *, before: bool) -> int:
    listed = WORDS.get(stem, 0)
    if not before:
        return listed or classify(stem, before=False)
    if ending in ("s", ""):
        return BITS["BE"] | BITS["HAVE"] if listed & PRONOUNS else BITS["POSS"]
    return sum(BITS[name] for name in CONTRACTED.get(ending, "OPEN").split())
