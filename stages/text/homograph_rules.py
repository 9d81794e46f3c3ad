"""The rules for homographs, for a linguist to read and change: the first line that holds for a word gives its key.

    words : pattern : key

The words are in lower case ("Polish" is another word than "polish"), or a list of `stages.text.homograph_words`. The
key is that of the lexicon: VERB, NOUN, ADJ, ADV, VBD (past), VBN (participle), None (strong), DEFAULT; or one of
`stages.text.variants`. A key that an entry has not means its DEFAULT, so NOUN is right for "record" (DEFAULT and VERB).

The pattern is read like text. "_" is the word itself; each element beside it is one neighbour:

    the          that word (in lower case)            DET       any word of a class (stages/text/word_classes.py)
    a|the|POSS   one of them                          FISH      a word of a list (stages/text/homograph_words.py)
    !BE|MODAL    none of them                         THING     a word of a group of classes (below)
    ADV?         such a word may stand here           ANY       any word
    ^  $         a mark, or the beginning or the end of the text; STOP one that ends a sentence
    near(FISH)   such a word stands to one side, in the same sentence; earlier( ) before, later( ) after

Quotation marks are passed over. "I'll _" is MODAL, "_ I'll" is SUBJ, "the dog's _" is POSS. A word of the list
GENERAL, or one whose own rules do not end in a bare "_", goes on to the rules of "*" ("*s" if it ends in -s).
"""

GROUPS = {
    "ANY": "",
    "THING": "NOUN NAME OPEN TIME",  # a noun in the singular, as far as one can see
    "THINGS": "PLURAL CROWD",
    "AUX": "BE MODAL DO HAVE",
    "PHRASE": "DET POSS OBJ NUM",  # what begins an object
    "OWNED": "DET POSS",
}

RULES = """
# ---- Small words that have stress as another part of speech (before a pause: weak_forms.py).
can         : a|the|POSS|tin|empty _ !SUBJ                                     : None
will        : a|the|POSS|FREE _ !be|not|have                                   : None
can will    : _                                                                : DEFAULT
in          : CAME _ and|or|to|upon|by|with|at|again|then                      : None
in          : BROUGHT _ DET|POSS                                               : None
in          : closing|closed|closes|close _ on|upon                            : None
in          : set _ with                                                       : None
in          : in _                                                             : DEFAULT
in          : _ in                                                             : None
in          : _                                                                : DEFAULT
by          : _ and by                                                         : None
by          : by and _                                                         : None
by          : _                                                                : DEFAULT
a           : letter|grade|vitamin|plan|hepatitis _                            : NOUN
a           : _ and|or b                                                       : NOUN
a           : _                                                                : DEFAULT

# ---- that: DT points and has stress ("that night", "of that"); DEFAULT joins clauses ("I know that he").
that        : that _                                                           : DT
that        : _ that                                                           : DEFAULT
that        : THINK|OBJ|THING|PLURAL _ , ADV|PREP|SUB|WH|ING                   : DEFAULT
that        : CONJ _ , ADV ,                                                   : DEFAULT
that        : ^ _ is ,                                                         : DEFAULT
that        : _ there                                                          : DEFAULT
that        : _ very|same                                                      : DT
that        : there BE _                                                       : DT
that        : however|whatever|whether|wherever _ AUX                          : DT
that        : ^ _ PLURAL PHRASE|ADV                                            : DT
that        : _ $                                                              : DT
that        : _ of                                                             : DT
that        : in|except|save|but|given|considering _ SUBJ|DET|POSS|there       : DEFAULT
that        : STOP|CONJ BE _                                                   : DT
that        : WH BE _                                                          : DT
that        : PREP|TO _                                                        : DT
that        : BE|HAVE NOT? _ SUBJ|DET|POSS|there|PLURAL|NUM                    : DEFAULT
that        : ^|CONJ|if|when|because|though|although|while|as|than|WH _ AUX|PAST : DT
that        : ^|CONJ _ ADV AUX|PAST|ED                                         : DT
that        : ^|CONJ _ ADV? MEANS                                              : DT
that        : even|only|just|not|surely|perhaps|then|now _ AUX                 : DT
that        : all _ THING $                                                    : DT
that        : !THINK _ one|way|sort|kind                                       : DT
that        : _ SUBJ|OBJ|DET|POSS|NUM|WH|PREP|SUB|PLURAL|CROWD|ING|there|NAME  : DEFAULT
that        : !THINK _ ADJ? TIME                                               : DT
that        : THINK _ ADJ? TIME $|PREP|CONJ|SUBJ                               : DT
that        : THINK _ ADJ? THING $|PREP|CONJ                                   : DT
that        : THINK _ ADJ $|PREP                                               : DT
that        : THINK _                                                          : DEFAULT
that        : so ANY _                                                         : DEFAULT
that        : so ADV ANY _                                                     : DEFAULT
that        : ^|CONJ _ !PREP|TO|ADV|DO|AUX                                     : DT
that        : VERB|PAST|ING _ ADJ? !AUX|PAST|ED|VERB|ADV                       : DT
that        : ED _ ADJ? THING !AUX|PAST|VERB                                   : DT
that        : GIVE OBJ|NAME _ ADJ? THING                                       : DT
that        : MODAL|DO|SUB|WH|ADV _ ADJ? THING                                 : DT
that        : _                                                                : DEFAULT
that's      : ^|CONJ|SUB|WH|ADV|THINK|PREP _                                   : DT
that's      : _ $                                                              : DT
that's      : _                                                                : DEFAULT

# ---- Letters or a word in capitals: NOUN is spelled; among other words in capitals it is a word.
US SHOUTED  : CAPS _                                                           : DEFAULT
US SHOUTED  : _ CAPS                                                           : DEFAULT
US          : the _                                                            : NOUN
US          : in|across|from|of|ANY _ AMERICAN|NAME                            : NOUN
US          : VERB|PAST|ING|of|to|for|with _                                   : DEFAULT
US          : _                                                                : NOUN
IT          : _ COMPUTING                                                      : NOUN
IT          : WORK in _                                                        : NOUN
AM          : NUM _                                                            : NOUN
WHO         : the _                                                            : NOUN
SHOUTED     : _                                                                : DEFAULT
ABBREVIATED : CAPS _                                                           : DEFAULT
ABBREVIATED : _ CAPS                                                           : DEFAULT
ABBREVIATED : _                                                                : NOUN

# ---- Verbs of many forms.
used        : BE ADV? _ to VERB                                                : VBN
used        : BE ADV? _ to SUBJ|PHRASE|ING|ADJ|NAME|WH|PLURAL                  : VBD
used        : BE ADV? _ to                                                     : VBN
used        : THING|PLURAL commonly|widely|mainly|primarily|frequently _ to    : VBN
used        : _ to                                                             : VBD
used        : _                                                                : DEFAULT
use         : did|didn't NOT? _ to                                             : NOUN
use         : did|didn't SUBJ NOT? _ to                                        : NOUN
use         : put|puts|putting|come|came OBJ|THING? to ADJ? _                  : NOUN
use         : make|makes|made|making ADJ|ADV|DET? _ of                         : NOUN
read        : we|they|you all|both NUM? _                                      : VBD
read        : HAVE all|both NUM? _                                             : VBN
read        : to ADV? _                                                        : DEFAULT
read        : I'D ADV? _ later(if|would)                                       : DEFAULT
read        : i'd|you'd|he'd|she'd|we'd|they'd ADV? _                          : VBN
read        : MODAL|DO NOT? ADV? _                                             : DEFAULT
read        : MODAL|DO SUBJ NOT? ADV? _                                        : DEFAULT
read        : HAVE|BE NOT? ADV? ADV? _                                         : VBN
read        : HAVE|BE SUBJ NOT? ADV? _                                         : VBN
read        : well|widely|much|best|least _                                    : ADJ
read        : a|an|the ADJ? _ !OWNED                                           : DEFAULT
read        : CAUSE|HAVE DET|POSS ADJ? THING _                                 : DEFAULT
read        : CAUSE OBJ _                                                      : DEFAULT
read        : let's|please _                                                   : DEFAULT
read        : PAST|ED and|then|but _                                           : VBD
read        : VERB and|or _                                                    : DEFAULT
read        : and|then|but|, _ earlier(PAST|ED|was|were|had)                   : VBD
read        : and|or|write _                                                   : DEFAULT
read        : PLURAL|CROWD|i|we|they|you always|often|usually|sometimes|rarely _ : DEFAULT
read        : PLURAL|CROWD|i|we|they|you _ earlier(yesterday|ago|last|was|were|had) : VBD
read        : _ later(yesterday|ago) earlier(SUBJ|THING|PLURAL)                : VBD
read        : OFTEN _ later(PAST|ED|was|were|had)                              : VBD
read        : PLURAL|CROWD|i|we|they|you OFTEN _                               : DEFAULT
read        : PLURAL|CROWD|i|we|they|you|who _ later(EVERY|before)             : DEFAULT
read        : if|whenever|unless you|i|we|they _                               : DEFAULT
read        : PLURAL|CROWD|you|who _ later(PAST|ED|was|were|had|yesterday)     : VBD
read        : PLURAL|CROWD|you|who _                                           : DEFAULT
read        : SUBJ|SINGULAR|NAME ADV? _                                        : VBD
read        : DET|POSS ADJ? THING ADV? _                                       : VBD
read        : ^|CONJ _                                                         : DEFAULT
read        : THING _                                                          : VBD
read        : _                                                                : DEFAULT
reread      : HAVE|BE|SUBJ ADV? _                                              : VBD
wound       : to|MODAL|DO NOT? ADV? _                                          : DEFAULT
wound       : HAVE|BE ADV? _                                                   : VBN
wound       : DET|POSS|PREP|ADJ|NUM _                                          : DEFAULT
wound       : SUBJ|NAME|WH|PLURAL ADV? _                                       : VBD
wound       : _ WINDING                                                        : VBD
wound       : CONJ|ADV _ PHRASE                                                : VBD
wound       : THING _ DET|POSS|OBJ                                             : VBD
wound       : _                                                                : DEFAULT

# ---- live, close: adjective, adverb, verb.
live        : to _ SHOW                                                        : DEFAULT
live        : SHOWN _                                                          : DEFAULT
live        : PAST|VERB|ED it|them _                                           : DEFAULT
live        : to|MODAL|DO NOT? ADV? _                                          : VERB
live        : MODAL|DO SUBJ NOT? ADV? _                                        : VERB
live        : _ SHOW|ALIVE                                                     : DEFAULT
live        : SUBJ|WH|CROWD|PLURAL ADV? _                                      : VERB
live        : the|a|its|POSS|PREP ADV? _                                       : DEFAULT
live        : BE ADV? ADV? _                                                   : DEFAULT
live        : ^ _ from                                                         : DEFAULT
live        : _ on air|stage|television|tv|radio                               : DEFAULT
live        : _                                                                : VERB
lived       : _                                                                : VERB
lives       : WH|that ADV? _                                                   : VERB
lives       : DET|POSS|ADJ|NUM|PREP _                                          : DEFAULT
lives       : SUBJ|WH|that ADV? _                                              : VERB
lives       : THING _ NUM DOORS                                                : VERB
lives       : VERB|PAST|ING|ED|TO|CONJ _                                       : DEFAULT
lives       : THING ADV? _ PREP|here|there|alone|up|down|next|just|out|for     : VERB
lives       : _                                                                : DEFAULT
close       : to _ RANGE                                                       : DEFAULT
close       : to|MODAL|DO NOT? ADV? _ !to                                      : VERB
close       : MODAL|DO SUBJ NOT? ADV? _                                        : VERB
close       : MODAL|DO OWNED ADJ? THING|PLURAL ADV? _                          : VERB
close       : VERB|PAST|ING it|you|us|them _                                   : DEFAULT
close       : i|you|we|they|who ADV? _                                         : VERB
close       : ^|and|or|then|please|but _ DET|POSS|OBJ                          : VERB
close       : a|the|its|his|her|their|POSS|early ADJ? _ $|of|CONJ|after|when|BE|with : NOUN
close       : at|since|before|after|until _ of                                 : NOUN
close       : THINGS _ at|on|early|late|down|for|in|when|DET|POSS|soon|behind  : VERB
close       : THINGS _ higher|lower|up                                         : VERB
close       : PLURAL _ $                                                       : VERB
close       : _ $ earlier(CAUSE|watched|saw)                                   : VERB
close       : _ POSS|the|this|it|them                                          : VERB
close       : _                                                                : DEFAULT
closer      : _                                                                : DEFAULT

# ---- Words told apart by what they speak of.
tear        : PREP|ADJ|POSS _ $                                                : DEFAULT
tear        : and _                                                            : VERB
tear        : _ gas|duct|ducts|drop|drops                                      : DEFAULT
tear        : a|an|the|this|POSS ADJ? _ near(CLOTH|FLESH)                      : VERB
tear        : a|the|POSS|single ADJ? _                                         : DEFAULT
tear tears  : _ APART                                                          : VERB
tears       : and|PREP|ING|PAST|VERB|HAVE|ADJ|DET|POSS _                       : DEFAULT
tears       : SUBJ|WH|that ADV? _                                              : VERB
tears       : NAME|THING _ PHRASE|at|into                                      : VERB
tears       : _                                                                : DEFAULT
bowed       : _ legs|leg|string|strings|instrument|instruments|window|windows|shape : DEFAULT
bowed       : _                                                                : VERB
bow bows    : TOOK DET|POSS ADJ? ADJ? _                                        : VERB
bow bows    : BOWING _                                                         : VERB
bow bows    : _ near(SHIP)                                                     : VERB
bow         : _ tie|ties|string                                                : DEFAULT
bow bows    : DET|POSS|ADJ|and|NUM|of _                                        : DEFAULT
bow         : _ to|before|down|out                                             : VERB
bow         : _ near(ARCHERY)                                                  : DEFAULT
bows        : PREP|PLURAL|VERB|PAST|ING _                                      : DEFAULT
bows        : _ to|before|down|out|and|his|her|deeply|low                      : VERB
bass        : _ near(FISH)                                                     : DEFAULT
bass        : _                                                                : ADJ
row rows    : _ of|houses|boat|boats                                           : DEFAULT
row         : to|MODAL|DO|SUBJ|NUM _                                           : DEFAULT
row         : had|have|having|has|a|another|FURIOUS _ about|over|with|between  : QUARREL
row         : had|have|having|has|a|such|what|the ADJ? _ near(QUARREL)         : QUARREL
row         : FURIOUS _                                                        : QUARREL
row         : what|such a _                                                    : QUARREL
row         : had|have|having a|another|such ADJ? _                            : QUARREL
row         : making|make|made|kick|kicked such|a|DET up? a? _                 : QUARREL
rows        : FURIOUS _                                                        : QUARREL
rows        : _ about|over|with|between                                        : QUARREL
row rows    : _                                                                : DEFAULT
lead        : to|MODAL|DO|SUBJ|WH ADV? _                                       : DEFAULT
lead        : _ PIPE                                                           : METAL
lead        : MOLTEN _ !in                                                     : METAL
lead        : of|from|like|with|into|CONTAIN _ $|and|or|in                     : METAL
lead        : and|or|as _ !to|ADV|DET|POSS|OBJ near(METAL)                     : METAL
lead        : _ CONJ|, METAL                                                   : METAL
lead        : !DET|POSS|ADJ|PREP _ near(TOXIC|METAL)                           : METAL
lead        : _                                                                : DEFAULT
sewer       : _ near(SEWING)                                                   : PERSON
sewer       : _                                                                : DEFAULT
drawer      : _ of DET? DRAWN                                                  : PERSON
drawer      : _                                                                : DEFAULT
number      : GREW|even|any _ $|and|CONJ|with|by|than                          : NUMB
number      : _                                                                : DEFAULT
dove        : SUBJ|WH|NAME|and|then ADV? _ PREP|down|off|head|headfirst|deep|straight|deeper|out|TO|$ : VERB
dove        : THING|THINGS ADV? _ DOWNWARD                                     : VERB
dove        : _                                                                : DEFAULT
does        : the|NUM|young|female|ADJ _ near(DEER)                            : DEER
does        : _ and|or bucks|fawns|stags                                       : DEER
does        : bucks|stags|fawns and _                                          : DEER
does        : _                                                                : DEFAULT
minute      : very|so|most|extremely|more|almost|too _                         : ADJ
minute      : _ DETAIL                                                         : ADJ
minute      : PLURAL|were|are|is|was BE? _ $|and|compared|CONJ                 : ADJ
minute      : !NUM|DET|every|per|last|first|next|late|POSS _ PLURAL            : ADJ
minute      : _                                                                : DEFAULT
Polish      : ^ _ the|your|my|it|his|her|up|each|every|all|with|until          : VERB
Polish      : _                                                                : DEFAULT
Nice        : PREP|TO|TRAVEL _                                                 : PLACE
Nice        : _                                                                : DEFAULT
Reading     : PREP|TO|TRAVEL _ $|CONJ|NAME|PREP|BE|TO|station|university|gaol|jail|PAST|ADV : PLACE
Reading     : _ station|gaol|jail|university|festival                          : PLACE
Reading     : _                                                                : DEFAULT
Job         : of|unto|to|upon|and|patient|poor|like|prophet _ !NAME            : NAME
Job         : _                                                                : DEFAULT
bases       : THEORETICAL _                                                    : BASIS
bases       : _ of|for ANY? THEORY                                             : BASIS
bases       : _                                                                : DEFAULT
axes        : SINGULAR|government|company _                                    : VERB
axes        : _ near(WOOD|WEAPON)                                              : VERB
axes        : _                                                                : DEFAULT
resume resumes : a|an|POSS|this|each|every|job|HAVE ADJ? _                     : NOUN
resume      : the ADJ? _                                                       : NOUN
resume      : send|sent|submit|attach|read|update _                            : NOUN
resumes     : the|NUM|ADJ|VERB|PAST|ING|ED|of|through|for|many|DET _           : NOUN
resume resumes : _                                                             : DEFAULT
blessed     : BE|HAVE|SUBJ ADV? _ !NAME|virgin|DET|with                        : DEFAULT
blessed     : the|a|this|that|every|whole|single|POSS|ADJ _                    : ADJ
blessed     : ^ _ BE                                                           : ADJ
blessed     : _ virgin|sacrament|mother|thing                                  : ADJ
blessed     : _                                                                : DEFAULT
aged        : _ KIN                                                            : ADJ
aged        : the _ $|and|of|in|BE|MODAL|at                                    : ADJ
aged        : _                                                                : DEFAULT
learned     : _ HABIT                                                          : DEFAULT
learned     : DET|POSS|ADJ|of|BE|DEG DEG? _ NOUN|NAME|PLURAL|CROWD|OPEN|$|CONJ : ADJ
learned     : _                                                                : DEFAULT
cursed      : BE|HAVE|SUBJ|NAME|CONJ|THING ADV? _                              : VERB
cursed      : _ by|OBJ|under                                                   : VERB
cursed      : _                                                                : DEFAULT
crooked dogged jagged ragged : SUBJ|HAVE ADV? _                                : VERB
crooked dogged jagged ragged : _ by|OBJ|POSS|the|DET                           : VERB
crooked dogged jagged ragged : _                                               : DEFAULT
moped       : SUBJ|WH|NAME|and|HAVE|just ADV? _                                : VERB
moped       : !DET|POSS|ADJ|PREP _ about|around                                : VERB
moped       : _                                                                : DEFAULT

# ---- Nouns or adjectives that are verbs only where that is plain.
invalid     : a|an|the|POSS|chronic ADJ? _ $|who|and|BE|HAVE|for|in|lay|MODAL|PAST|from|with|chair|KIN : NOUN
invalid     : _                                                                : DEFAULT
invalids contents : _                                                          : NOUN
content     : heart's _                                                        : DEFAULT
content     : BE|SENSE NOT? ADV? ADV? _ !creator|creators|of                   : DEFAULT
content     : _ with|themselves|himself|herself|itself|myself|yourself         : DEFAULT
content     : _ to VERB|be|have|do                                             : DEFAULT
content     : SUBJ|MODAL|DEG|quite|perfectly|ADV|and|^ _ !is|of|creator|creators|marketing|MODAL : DEFAULT
content     : _                                                                : NOUN
affect affects : POSS|flat|blunted|blunt|his|her|negative|positive _           : DEFAULT
affect affects : the|of|an|a _ $|BE|and|of                                     : DEFAULT
affect affects : _                                                             : VERB
house       : house to _                                                       : DEFAULT
mouth       : mouth|hand to _                                                  : DEFAULT
ENTRANCE house : to|MODAL|SUBJ|DO ADV? _ !of|to|hall|BE|MODAL                  : VERB
house       : THINGS ADV? _ NUM|DET|POSS                                       : VERB
house       : _                                                                : DEFAULT
mouth       : and|or _ DET|OBJ                                                 : VERB
ENTRANCE    : _                                                                : DEFAULT
houses      : that|which|SINGULAR|building|museum|NAME|library _ DET|NUM|ADJ|PLURAL|POSS|OBJ|more|over : VERB
houses      : _                                                                : DEFAULT
subject     : !to|MODAL|DO|SUBJ _ to                                           : DEFAULT
INSIDE      : DET|POSS|ADJ|and _ NOUN|OPEN|PLURAL|NAME|CROWD|ING               : ADJ
nearby      : PREP _ NOUN|OPEN|PLURAL|NAME                                     : ADJ
INSIDE      : _                                                                : DEFAULT
overall     : _ $                                                              : ADV
overall     : _                                                                : DEFAULT
underground : DEEP _                                                           : ADV
underground : BE _ $|PREP                                                      : ADV
underground : _                                                                : DEFAULT
uphill      : VERB|PAST|ING|ED|ADV|all|way|slightly|steeply|go|climbed _       : ADV
uphill      : _                                                                : DEFAULT
upset       : a|an|the|POSS|ADJ|stomach ADJ? _ $|in|of|for|win|victory|BE      : NOUN
upset       : _                                                                : DEFAULT
undertaking : BE ADV? _ DET|POSS                                               : VERB
undertaking : _                                                                : DEFAULT
record      : _ SALES                                                          : NOUN
wind        : exposed|due|resistant|resistance|owing|open to _                 : DEFAULT
wind        : _ TURBINE                                                        : DEFAULT
wind winds  : DET|POSS|ADJ|PREP|and|NUM|ING ADV? _                             : DEFAULT
wind        : _ up|down|around|round|its|their                                 : VERB
winds       : THING _ WINDING                                                  : VERB
rebel rebels : _ ARMY                                                          : NOUN
present     : to _ day|times|$                                                 : DEFAULT
desert deserts : just _ !SUBJ|DET|POSS                                         : VERB
desert      : _ SAND                                                           : DEFAULT
refuse      : _ RUBBISH                                                        : NOUN
moderate    : light|mild|low|gentle|small|slight to _                          : DEFAULT
separate    : _ $ earlier(KEEP)                                                : DEFAULT
ELABORATE   : to|MODAL|SUBJ|DO ADV? _                                          : VERB
ELABORATE   : MODAL|DO SUBJ _                                                  : VERB
ELABORATE   : THINGS ADV? _ PHRASE|on|PREP                                     : VERB
ELABORATE   : _                                                                : ADJ
cleanly     : DET|ADJ|, ADJ? _ THING                                           : ADJ
objects     : !DET|POSS|ADJ|NUM|PREP _ to|that|when|if|strongly                : VERB
conflicts contrasts : THING _ with                                             : VERB
consists    : _                                                                : DEFAULT

# ---- All words of the list GENERAL: "to object", "they object" are verbs, "the object", "of objects" nouns.
*           : DUE to ADJ? _                                                    : NOUN
*           : to ADV? _                                                        : VERB
*           : MODAL|DO NOT? ADV? ADV? _                                        : VERB
*           : MODAL|DO SUBJ NOT? ADV? _                                        : VERB
*           : MODAL|DO OWNED ADJ? THING|PLURAL|CROWD NOT? _                    : VERB
*           : DO THING|PLURAL NOT? ADV? _                                      : VERB
*           : MODAL NAME NOT? _                                                : VERB
*           : ^ ANY and !OWNED _ !AUX|of|$                                     : VERB
*           : half|most|many|some|all|none|few|both of OBJ ADV? _              : VERB
*           : CAUSE OBJ|NAME _                                                 : VERB
*           : SUBJ|let's|please|who NOT? ADV? _                                : VERB
*           : these|those|all|which|that|CROWD ADV? _ PHRASE|to|with|from|that|against : VERB
*           : OWNED DEG? ADV? ADJ? ADJ? _                                      : NOUN
*           : HAVE ADV? _                                                      : NOUN
*           : BE NOT? ADV? ADV? _                                              : NOUN
*           : PREP|NUM|ADJ ADJ? _                                              : NOUN
*           : OWNED ANY and|or _                                               : NOUN
*           : ^ _ PHRASE|NAME                                                  : VERB
*           : and|or|but|then _ PHRASE                                         : VERB
*           : to|MODAL ANY and|or _                                            : VERB
*           : THINGS ADV? _ !AUX|of|PAST|ED                                    : VERB
*           : THING|PLURAL ADV _ TO|PHRASE|that                                : VERB
*           : THING|CONJ _ of                                                  : NOUN
*           : _ PHRASE                                                         : VERB
*           : NOUN|OPEN|NAME|TIME|ING|ED|VERB|PAST|PLURAL _                    : NOUN
*           : ^ _ AUX|PREP                                                     : NOUN
*           : WH|NOT _                                                         : VERB
*           : _                                                                : DEFAULT
*s          : which|that|WH|this ADV? _ PHRASE|PREP|TO|ADV|PLURAL|ADJ|ING|OPEN : VERB
*s          : SINGULAR|each|everything|who|nothing|NOT ADV? _                  : VERB
*s          : OWNED DEG? ADV? ADJ? ADJ? _                                      : NOUN
*s          : NUM|PREP|ADJ|HAVE|BE|TO|ING|VERB|PAST|ED|PLURAL _                : NOUN
*s          : THING ADV? _ PHRASE|that|himself|herself|itself|ADV              : VERB
*s          : NAME _ to|from|with|against                                      : VERB
*s          : and|or|but|then|ADV _ PHRASE                                     : VERB
*s          : ^ _ DET|POSS|OBJ                                                 : VERB
*s          : THING ADV _                                                      : VERB
*s          : _                                                                : NOUN
"""
