"""Lists of words for the rules for homographs: the words of the general rules, and cues to what a word means.

A line is a list and its words; "pipe/s" stands for pipe and pipes. GENERAL has the words that are verbs or nouns (or
adjectives) by turns and have no rules of their own, each with its form in -s.
"""

from __future__ import annotations

LISTS = """
SHOUTED     IT AM IN IS AS BE HE ME OR WHO OH HI HM HMM MM OD ADD AH
ABBREVIATED AA ABS ACT AD AG AID BA BO CAP CIS COD COO DA DAB DEW DIP DOE ELF ER EST ETA ETC GI ID ISO LA LEA LED LI
ABBREVIATED MA MI MO MOD MOR MOT OFT OS OU PA POW RE RIP SAT SEC SI SIB SOB TA
ELABORATE   animate deliberate elaborate consummate diffuse incarnate nominate desolate articulate designate obligate
ENTRANCE    entrance buffet mouth absent
INSIDE      inside nearby arithmetic downstairs
FREE        free good ill strong iron human last living
CAME        came come comes coming went go goes going broke break burst rushed ran walked gave give brought get got
CAME        stepped stepping crowded looked blown
BROUGHT     brought bring/s bringing ushered ushering handed handing
MEANS       means makes explains gives brings leaves shows sounds seems looks takes depends seemed meant explained
AMERICAN    army navy dollar/s president government senate congress market economy tour troops citizen/s
COMPUTING   department support staff manager/s team system/s services sector specialist consultant industry skills
COMPUTING   training company infrastructure
WORK        works work worked working career job/s
CAUSE       make/s made let/s help/s helped hear heard see saw watch watched
I'D         i'd you'd he'd she'd we'd they'd
OFTEN       always often usually sometimes never rarely still
EVERY       every daily often always usually sometimes nowadays each
WINDING     up around round through along down back its his her their between past across
SHOW        music audience/s television tv broadcast/s performance/s show/s concert/s radio band/s recording/s
SHOW        stream/s video event/s coverage update/s album sport/s football theatre theater entertainment feed data
ALIVE       bait wire/s ammunition rounds animal/s chickens cattle fish lobster/s birds mice traffic
SHOWN       recorded broadcast performed streamed televised shown go goes going went gone sing sang sung played
SHOWN       perform streaming air aired
DOORS       door/s mile/s block/s house/s street/s minutes hours floor/s
RANGE       range friends quarters proximity combat relatives scrutiny inspection
CLOTH       fabric cloth shirt jeans paper sail tent curtain canvas coat dress sleeve net jacket pocket stocking/s
CLOTH       trousers pants skirt blanket bag roof lining
FLESH       muscle ligament tendon knee skin retina tissue cartilage
APART       up down apart off open out away through along
TOOK        take/s took taken taking make made gave give
BOWING      low polite deep slight stiff final little courtly graceful formal
SHIP        ship boat vessel stern deck anchor waves hull canoe starboard port yacht
ARCHERY     arrow/s ribbon violin archer/s quiver cello fiddle
FISH        fish fishing fishes fisherman caught catch lake river pond sea striped largemouth smallmouth grilled fried
FISH        angler rod hook trout bait
FURIOUS     terrible furious blazing flaming bitter frightful dreadful awful heated political public angry huge
FURIOUS     endless constant
QUARREL     shouting quarrel neighbour/s neighbor/s police argued noise angry wife husband kicked politicians divorce
QUARREL     parents
PIPE        pipe/s paint/s poisoning pencil/s shot acid weight/s roof/s bullet/s soldier/s mine/s ore oxide glass
PIPE        battery batteries levels content exposure coffin sheet/s dust solder
MOLTEN      red white molten melted black tetraethyl heavy
CONTAIN     contain/s contained containing
METAL       zinc copper tin iron silver gold mercury cadmium arsenic steel
TOXIC       toxic poisonous metal/s melt/s molten alloy
SEWING      stitch stitches thread needle/s cloth fabric quilts dress dresses garments shirts seams sewing
DRAWN       cartoons pictures cheque/s check/s portraits water comics bill/s maps animals faces
GREW        grew grow grows growing become became becoming felt feel getting got
DOWNWARD    into under for off down headfirst straight beneath underneath from deep
DEER        deer buck/s stag/s fawn/s rabbit/s hare/s herd grazed grazing forest
DETAIL      detail/s particle/s amount/s quantity quantities trace/s difference/s fragment/s creature/s change/s
DETAIL      organism/s examination inspection crack/s hole/s bubbles crystals proportion/s dose/s insect/s spots scale
DETAIL      portion grains fraction variations droplets
TRAVEL      visited visit leaving left around station
THEORETICAL theoretical legal philosophical moral scientific ethical logical biological genetic factual neural
THEORETICAL conceptual empirical
THEORY      knowledge theory science belief argument law decision claim/s judgement judgment
WOOD        wood chop chopped trees logs firewood woodcutters handles
WEAPON      swords spears saws knives battle hammers shovels sharp spades stone picks weapons bronze warriors
KIN         man woman men women mother father parent/s couple relative/s people person aunt uncle grandmother
KIN         grandfather servant lady gentleman king monk priest face hands dog horse widow patient/s population farmer
KIN         wife husband sister brother son daughter
HABIT       behaviour behavior response/s helplessness skill/s reaction habit/s
DEEP        go goes going went gone live lives lived living worked hidden deep moved ran run buried far driven metres
DEEP        meters feet miles
SALES       player/s time label/s number/s high/s low/s store company profit/s level/s sales heat crowd/s attendance
SALES       books deal
TURBINE     speed/s turbine/s power farm/s energy instruments direction tunnel
ARMY        leader/s army force/s fighter/s group/s troops soldiers attack camp cause
SAND        island/s sand/s air heat sun landscape wind/s
RUBBISH     collection collector/s bin/s heap dump disposal sacks
KEEP        keep/s kept keeping stay stayed remain remained
DUE         due according response prone subject subjected addicted exposed contrary thanks leads led lead leading
DUE         contributed contribute contributes resistant access relation related addition similar attention devoted
DUE         limited
GENERAL     abstract abuse addict adulterate advocate affiliate affix agglomerate aggregate allied alloy alloyed ally
GENERAL     alternate analyses appropriate approximate arsenic aspirate associate attenuate attribute augment
GENERAL     augmented bifurcate bombard brachiate carbonate certificate cleanly collocate combine commune compact
GENERAL     complement compliment compound compress concert conduct confederate confine conflict conglomerate
GENERAL     conjugate conjunct conscript conserve consist console consort construct contest contract contrast converse
GENERAL     convert convict coordinate correlate counterbalance covert cumulate curate decrease defect degenerate
GENERAL     delegate depute descant deviate diagnoses dictate digest discard discharge discount discourse document
GENERAL     domesticate downhill duplicate ejaculate enervate entail escort essay estimate excise excommunicate excuse
GENERAL     expatriate explant exploit extract federate ferment foliate foretoken fragment frequent geminate graduate
GENERAL     grown-up guesstimate illegitimate imbricate implant implement implicate import impress imprint incense
GENERAL     incline incorporate increase incurvate indent inebriate infill infix initiate inlay insert insult
GENERAL     intercept interchange interdict intergrade interlay interlock interspace intimate intrigue invert invite
GENERAL     isolate laminate legitimate lunged mandate marginate mediate merchandise misconduct miscount misfire
GENERAL     mishit mismatch misplay misprint misuse moderate nitrate nucleate object obverse offset opiate orient
GENERAL     ornament outcaste outgo outreach outright overbid overburden overcall overcast overcharge overdose
GENERAL     overdress overdub overestimate overflow overhang overhaul overhead overlap overlay overload overlook
GENERAL     overman overpass overprint override overrun overshoot overspend oversteer overstock overstudy overthrow
GENERAL     overturn overuse overwater overweight overwork pasty perfect perforate permit pervert pigment pontificate
GENERAL     postfix postulate precipitate predestinate predicate prefetch preload premise premix proceeds produce
GENERAL     progress project prospect prostrate purport pustulate quadrate quadruplicate quintuplicate radiate rampage
GENERAL     re-count rebid reboot rebore rebound recall recharge recoil redial redirect redo redraft refill refit
GENERAL     refresh refund regenerate regift regiment regress rehang rehash reheat reincarnate reject relapse relaunch
GENERAL     relay relet remake remit remold remould remount renunciate replay replicate repost reprint rerelease rerun
GENERAL     reshuffle resit respawn respray restart restyle retake retard retest rethink reticulate retread reuse
GENERAL     revamp revert rewatch rewind rewrite saturate segment segregate seriate situate sophisticate sow
GENERAL     subcontract sublease sublet subordinate supplement survey suspect syndicate torment transfer transform
GENERAL     transplant transport trifurcate triplicate truncate ultralight underbid undercharge undercount undercut
GENERAL     underestimate underlay underline underscore underset undershoot underspend underuse undulate unlearned
GENERAL     unpeople unstick update upgrade uplift upload upsetting uptown upturn warehouse buffets entrances mouths
GENERAL     presents records rereads separates subjects upsets uses
"""


def read_lists() -> dict[str, tuple[str, ...]]:
    """Read the lists: the words of each name."""
    found: dict[str, tuple[str, ...]] = {}
    for line in LISTS.strip().split("\n"):
        name, *words = line.split()
        both = (form for word in words for form in ((word[:-2], word[:-2] + "s") if word.endswith("/s") else (word,)))
        found[name] = (*found.get(name, ()), *both)
    return found
