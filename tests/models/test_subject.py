from types import SimpleNamespace

import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError, SubjectError
from whynet.models.subject import Subject, evaluating


def subject():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    return Subject(network, class_names=["a", "b"], preprocess=lambda pictures: torch.zeros(len(pictures), 3, 2, 2))


def test_modes_come_back_also_after_an_error():
    own = subject()
    own.network.train()
    own.network[0].eval()
    with pytest.raises(ZeroDivisionError), evaluating(own.network) as network:
        assert not any(module.training for module in network.modules())
        raise ZeroDivisionError
    assert [module.training for module in own.network.modules()] == [True, False, True]


def test_layers_have_dotted_names():
    assert subject().layer_names == ("0", "1")
    assert isinstance(subject().layer("1"), nn.Linear)
    with pytest.raises(SubjectError, match="has no layer '2'; its layers are 0, 1"):
        subject().layer("2")


def test_logits_are_those_of_the_network():
    own, images = subject(), torch.randn(5, 3, 2, 2)
    torch.testing.assert_close(own.logits(images), own.network(images).detach())
    with pytest.raises(SubjectError, match="NaN or infinite logits"):
        own.logits(images * torch.inf)


def test_an_output_object_may_hold_the_logits():
    class Wrapped(nn.Module):
        def forward(self, images):
            return SimpleNamespace(logits=images.flatten(1), loss=None)

    own = Subject(Wrapped(), class_names=list("abc"), preprocess=lambda p: p)
    images = torch.randn(2, 3, 1, 1)
    assert torch.equal(own.logits(images), images.flatten(1))
    with pytest.raises(SubjectError, match=r"not \(2, 12\)"):
        own.logits(torch.randn(2, 3, 2, 2))


def test_a_map_is_no_row_of_logits():
    own = Subject(nn.Conv2d(3, 2, 1), class_names=["a", "b"], preprocess=lambda p: p, name="segmenter")
    with pytest.raises(SubjectError, match=r"segmenter must return logits of shape \(batch, 2\).*not \(5, 2, 4, 4\)"):
        own.logits(torch.randn(5, 3, 4, 4))


def test_output_of_another_kind():
    class Named(nn.Module):
        def forward(self, images):
            return {"logits": images}

    with pytest.raises(SubjectError, match=r"not a dict; wrap it"):
        Subject(Named(), class_names=["a"], preprocess=lambda p: p).logits(torch.zeros(1, 3, 2, 2))


def test_classes_go_by_name_and_by_number():
    subject = Subject(
        nn.Linear(2, 3), class_names=("red tile", "blue tile", "Żółw 3"), preprocess=lambda _: torch.rand(1)
    )
    assert subject.class_number("blue tile") == 1
    assert subject.class_number("2") == 2
    for name, message in (
        ("Blue tiles", "has no class 'Blue tiles'; near names are blue tile"),
        ("xyz", "has no class 'xyz'; its classes are red tile, blue tile, Żółw 3$"),
        ("3", "has classes 0 to 2, not 3"),
        ("-1", "has no class '-1'"),
    ):
        with pytest.raises(SettingError, match=message):
            subject.class_number(name)
