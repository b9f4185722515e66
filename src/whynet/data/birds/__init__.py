"""Painted birds: a bird data set drawn in code, with captions, parts, claims and interventions."""

from whynet.data.birds.claims import discriminative_claims, species_claims
from whynet.data.birds.contact_sheet import contact_sheet
from whynet.data.birds.dataset import PaintedBirds
from whynet.data.birds.individual import Difficulty
from whynet.data.birds.palette import COLOURS
from whynet.data.birds.parsing import parse_claims
from whynet.data.birds.parts import PART_NAMES
from whynet.data.birds.species import Species, make_species

__all__ = [
    "COLOURS",
    "PART_NAMES",
    "Difficulty",
    "PaintedBirds",
    "Species",
    "contact_sheet",
    "discriminative_claims",
    "make_species",
    "parse_claims",
    "species_claims",
]
