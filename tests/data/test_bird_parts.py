from whynet.data.bird_parts import LARGE_PARTS
from whynet.data.birds.dataset import PaintedBirds
from whynet.workflows.filters.measuring import whole_parts


def test_the_fifteen_parts_become_five():
    assert LARGE_PARTS.keys() <= set(PaintedBirds.part_names)
    large = whole_parts(PaintedBirds.part_names, PaintedBirds.counted_with)
    assert sorted(large) == ["head", "leg", "tail", "torso", "wing"]
    assert sorted(place for places in large.values() for place in places) == list(range(15))
