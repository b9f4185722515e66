import warnings

import pytest
import torch

from whynet.attribution import excitation_backprop, grad_cam, guided_backprop
from whynet.attribution.methods import heat_map
from whynet.base.errors import SettingError, SubjectError
from whynet.models.saved_subject import load_subject
from whynet.workflows.question import Question, answer, describe


@pytest.fixture(scope="module")
def subject(saved_convnet):
    return load_subject(saved_convnet)


@pytest.fixture
def images():
    return torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))


def test_explains_the_predicted_class_of_each_picture(subject, images):
    logits = subject.logits(images)
    found = answer(subject, Question(method="guided_backprop"), images)
    assert found.classes == found.predicted == logits.argmax(1).tolist()
    torch.testing.assert_close(found.probabilities, logits.softmax(1))
    assert torch.equal(found.maps, guided_backprop(subject, images, logits.argmax(1)).sum(1))
    assert found.layer is None
    assert (found.maps < 0).any()


def test_explains_a_class_by_name_at_a_layer(subject, images):
    question = Question(method="excitation_backprop", target="blue tile", layer="blocks.0.2")
    found = answer(subject, question, images)
    assert torch.equal(found.maps, excitation_backprop(subject, images, 1, layer="blocks.0.2"))
    assert describe(subject, question, found, 1) == f"blue tile ({float(found.probabilities[1, 1]):.0%})"


def test_explains_a_unit(subject, images):
    question = Question(method="saliency", source="blocks.1.2", unit="2, 1,0")
    assert question.units() == [(2, 1, 0)]
    found = answer(subject, question, images)
    assert found.maps.shape == (2, 24, 24)
    assert found.classes is None
    assert describe(subject, question, found, 0) == "unit 2, 1,0 of blocks.1.2"
    assert Question(method="saliency", source="a", unit="7").units() == [7]


def test_grad_cam_is_read_at_the_last_convolutional_layer(subject, images):
    found = answer(subject, Question(method="grad_cam", target="0"), images)
    assert found.layer == "blocks.1.2"
    assert torch.equal(found.maps, grad_cam(subject, images, 0, layer="blocks.1.2"))
    below = answer(subject, Question(method="grad_cam", source="blocks.1.0", unit="0"), images)
    assert below.layer == "blocks.0.2"


def test_warnings_become_notes(subject, images, monkeypatch):
    def warning(*arguments, **options):
        warnings.warn("the map is 0", stacklevel=1)
        warnings.warn("the map is 0", stacklevel=1)
        return heat_map(*arguments, **options)

    monkeypatch.setattr("whynet.workflows.question.heat_map", warning)
    assert answer(subject, Question(method="saliency"), images).notes == ("the map is 0",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gradcam"}, "'gradcam' is unknown; the methods are saliency"),
        ({"method": "saliency", "target": "a", "unit": "1"}, "either --target, a class, or --source and --unit"),
        ({"method": "saliency", "target": "a", "source": "b"}, "either --target, a class, or --source and --unit"),
        ({"method": "saliency", "source": "b"}, "--source needs --unit"),
        ({"method": "saliency", "unit": "1"}, "--unit needs --source"),
        ({"method": "saliency", "source": "b", "unit": "-1"}, "--unit is a channel, as 7, or channel, row and column"),
        ({"method": "saliency", "source": "b", "unit": "1,2"}, "as 7,3,4, not '1,2'"),
    ],
)
def test_questions_that_cannot_be_asked(options, message):
    with pytest.raises(SettingError, match=message):
        Question(**options)


def test_a_layer_without_rows_and_columns_is_told(subject, images):
    with pytest.raises(SubjectError, match=r"layer 'feature' gives .* and not rows and columns"):
        answer(subject, Question(method="saliency", layer="feature"), images)
    with pytest.raises(SubjectError, match=r"has no layer 'blocks.1.9'; near names are blocks.1"):
        answer(subject, Question(method="saliency", layer="blocks.1.9"), images)
