"""A digest of what a data set holds: each picture with all that is annotated in it, which a fingerprint leaves out.

It opens every picture, so it suits the pictures of a class; `ExampleDataset.fingerprint` is for whole data sets.
"""

import json
from hashlib import blake2b

import numpy as np

from whynet.data.example import ExampleDataset, digest_of


def contents_digest(examples: ExampleDataset) -> str:
    """A hex digest of names, labels, pixels, landmarks, part maps, part boxes and boxes, in their order.

    Args:
        examples: Whose; where their files lie and when these were written does not matter.

    Raises:
        DataError: A picture cannot be used.
    """
    found = blake2b(digest_size=16)
    for index in range(len(examples)):
        own = examples[index]
        arrays = [own.image, own.landmarks, own.part_map, own.part_boxes]
        told = [None if array is None else (array.shape, array.dtype.str) for array in arrays]
        box = None if own.box is None else [float(edge) for edge in own.box]
        found.update(json.dumps([own.name, int(own.label), told, box]).encode())
        for array in arrays:
            if array is not None:
                found.update(np.ascontiguousarray(array).tobytes())
    counted = sorted(examples.counted_with.items())
    return digest_of("contents", list(examples.class_names), list(examples.part_names), counted, found.hexdigest())
