"""Batches of pictures: all of them, in order, as the network sees them."""

import torch

from whynet.data.birds.dataset import PaintedBirds
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.workflows import picture_batches
from whynet.workflows.picture_batches import PictureBatches


def test_batches_hold_every_picture_once_and_in_order(few_birds, monkeypatch):
    monkeypatch.setattr(picture_batches, "BATCH_SIZE", 5)
    examples = PaintedBirds("train", num_species=2, image_size=48)
    preprocess = Preprocessing(height=24, width=20)
    subject = Subject(torch.nn.Identity(), class_names=("a", "b"), preprocess=preprocess)
    batches = PictureBatches(subject, examples)
    assert [len(batch) for batch in batches] == [5, 5, 5, 1]
    every = preprocess([examples[row].image for row in range(16)])
    assert torch.equal(torch.cat(list(batches)), every)
    assert torch.equal(batches[-1], every[15:])
    assert torch.equal(torch.cat(list(batches[1:3])), every[5:15])
    assert len(PictureBatches(subject, examples.subset([]))) == 0
