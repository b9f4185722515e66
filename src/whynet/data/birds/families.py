"""Families of painted birds: what their species share, and the colours they choose from."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Family:
    """What the species of a family share.

    Args:
        noun: As in "Painted Finch 7".
        bills: Pairs of (bill shape, bill length) among which its species choose.
        tails: Pairs of (tail shape, tail length) among which its species choose.
        legs: Leg length: "short" or "long".
        size: "small", "medium" or "large".
        upper, under, accent: Colours of the back, wings and tail; of the belly; of the head, throat and breast.
        bill_colours, leg_colours, eye_colours: Colours of the bare parts.
        crest, bars, brow, ring, marked, tip: Chance of a crest, wing bars, an eyebrow, an eye ring, a streaked or
            spotted breast, a pale tail tip.
        stances: Where its birds are found: "perch", "ground", "water" or "trunk".
    """

    noun: str
    bills: tuple[tuple[str, str], ...]
    tails: tuple[tuple[str, str], ...]
    legs: str
    size: str
    upper: tuple[str, ...]
    under: tuple[str, ...]
    accent: tuple[str, ...]
    bill_colours: tuple[str, ...]
    leg_colours: tuple[str, ...]
    eye_colours: tuple[str, ...] = ("black",)
    crest: float = 0.0
    bars: float = 0.3
    brow: float = 0.2
    ring: float = 0.2
    marked: float = 0.3
    tip: float = 0.15
    stances: tuple[str, ...] = ("perch",)


FAMILIES = (
    Family(
        noun="finch", bills=(("conical", "short"),), tails=(("notched", "short"),), legs="short", size="small",
        upper=("brown", "grey", "black"), under=("white", "tan", "yellow"), accent=("red", "pink", "yellow", "orange",
        "black"),
        bill_colours=("grey", "pink", "tan", "orange"), leg_colours=("pink", "grey", "brown"), bars=0.5, marked=0.4,
        brow=0.3, crest=0.15,
        stances=("perch", "perch", "ground"),
    ),
    Family(
        noun="warbler", bills=(("pointed", "short"),), tails=(("rounded", "short"), ("notched", "short")),
        legs="short", size="small",
        upper=("green", "grey", "blue", "brown"), under=("yellow", "white"), accent=("yellow", "orange", "black",
        "grey", "brown"),
        bill_colours=("black", "grey", "pink"), leg_colours=("black", "pink", "yellow"), bars=0.5, marked=0.4,
        brow=0.4, ring=0.35,
    ),
    Family(
        noun="duck", bills=(("flat", "long"), ("flat", "short")), tails=(("pointed", "short"),), legs="short",
        size="large",
        upper=("brown", "grey", "black"), under=("white", "grey", "tan", "brown"), accent=("green", "brown", "black",
        "blue", "white", "red"),
        bill_colours=("yellow", "orange", "grey", "black", "blue"), leg_colours=("orange", "yellow", "grey"),
        eye_colours=("black", "yellow", "red"), crest=0.25, bars=0.4, brow=0.25, ring=0.1, stances=("water", "water",
        "ground"),
    ),
    Family(
        noun="woodpecker", bills=(("chisel", "long"), ("chisel", "short")), tails=(("pointed", "long"),),
        legs="short", size="medium",
        upper=("black", "green", "brown"), under=("white", "tan", "grey", "yellow"), accent=("red", "yellow", "black",
        "white", "orange"),
        bill_colours=("black", "grey", "white"), leg_colours=("grey", "black"), eye_colours=("black", "white"),
        crest=0.45, bars=0.6,
        brow=0.3, ring=0.1, marked=0.35, stances=("trunk",),
    ),
    Family(
        noun="sandpiper", bills=(("dagger", "long"), ("curved", "long")), tails=(("rounded", "short"),), legs="long",
        size="medium",
        upper=("brown", "grey", "tan"), under=("white", "tan", "black"), accent=("brown", "orange", "black", "grey",
        "white"),
        bill_colours=("black", "orange", "red"), leg_colours=("yellow", "orange", "red", "black", "green"), bars=0.35,
        brow=0.4, ring=0.2,
        marked=0.5, stances=("ground", "ground", "water"),
    ),
    Family(
        noun="jay", bills=(("dagger", "short"),), tails=(("rounded", "long"),), legs="short", size="medium",
        upper=("blue", "grey", "green", "brown"), under=("white", "grey", "tan", "yellow"), accent=("blue", "black",
        "white", "brown", "pink"),
        bill_colours=("black", "grey"), leg_colours=("black", "grey", "yellow"), eye_colours=("black", "yellow",
        "white"), crest=0.6,
        bars=0.5, tip=0.45, brow=0.3, stances=("perch", "perch", "ground"),
    ),
    Family(
        noun="hummingbird", bills=(("needle", "long"), ("curved", "long")), tails=(("forked", "short"), ("rounded",
        "short")), legs="short",
        size="small", upper=("green", "brown", "blue"), under=("white", "grey", "tan", "green"),
        accent=("red", "pink", "orange", "blue", "green", "black"), bill_colours=("black", "red"),
        leg_colours=("black", "pink"), bars=0.0,
        brow=0.25, ring=0.2, marked=0.3, tip=0.35, crest=0.15,
    ),
    Family(
        noun="thrush", bills=(("pointed", "short"), ("pointed", "long")), tails=(("rounded", "long"),), legs="long",
        size="medium",
        upper=("brown", "grey", "black", "blue"), under=("white", "orange", "tan"), accent=("orange", "brown",
        "black", "grey", "white", "blue"),
        bill_colours=("yellow", "black", "brown"), leg_colours=("pink", "yellow", "brown"), ring=0.45, marked=0.6,
        bars=0.2,
        stances=("ground", "perch"),
    ),
    Family(
        noun="gull", bills=(("hooked", "long"), ("hooked", "short")), tails=(("rounded", "short"), ("notched",
        "short")), legs="long", size="large",
        upper=("grey", "black", "white"), under=("white", "grey", "pink"), accent=("white", "black", "grey", "brown"),
        bill_colours=("yellow", "red", "orange", "black"), leg_colours=("pink", "yellow", "red", "black"),
        eye_colours=("black", "yellow", "white"), ring=0.35, bars=0.4, tip=0.5, brow=0.05, marked=0.2,
        stances=("ground", "water"),
    ),
    Family(
        noun="swallow", bills=(("pointed", "short"),), tails=(("forked", "long"), ("forked", "short")), legs="short",
        size="small",
        upper=("blue", "black", "brown", "green"), under=("white", "tan", "orange"), accent=("blue", "red", "orange",
        "black", "white"),
        bill_colours=("black",), leg_colours=("black", "brown", "pink"), bars=0.25, tip=0.3, marked=0.35,
    ),
    Family(
        noun="kingfisher", bills=(("dagger", "long"),), tails=(("square", "short"),), legs="short", size="medium",
        upper=("blue", "green", "grey"), under=("orange", "white", "tan"), accent=("blue", "white", "orange", "black",
        "green", "brown"),
        bill_colours=("black", "red", "orange"), leg_colours=("red", "orange", "grey"), crest=0.5, bars=0.4,
        marked=0.35, brow=0.15,
    ),
    Family(
        noun="parrot", bills=(("hooked", "short"),), tails=(("pointed", "long"), ("square", "short")), legs="short",
        size="large",
        upper=("green", "blue", "grey", "red"), under=("green", "yellow", "red", "grey"),
        accent=("red", "yellow", "blue", "orange", "green", "pink"), bill_colours=("red", "black", "tan", "grey"),
        leg_colours=("grey", "pink"),
        eye_colours=("black", "yellow", "white"), crest=0.3, ring=0.4, bars=0.35, brow=0.05, marked=0.1, tip=0.35,
    ),
)  # fmt: skip
