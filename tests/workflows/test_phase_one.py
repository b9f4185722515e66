import json
import math
import shutil
from dataclasses import replace

import pytest
import torch

from whynet.base.errors import SettingError, SubjectError
from whynet.models.built_in_networks import name_of_built_in
from whynet.models.convnet import ConvNet
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import InterpretableConv
from whynet.models.introspection import Introspection
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import load_subject
from whynet.training.classifier import PictureTraining
from whynet.training.hardware import Hardware
from whynet.training.interpretable import FilterLearning
from whynet.training.settings import ClassifierSettings, ExplainerSettings
from whynet.workflows.catalogue import open_data
from whynet.workflows.explainer import Explainer
from whynet.workflows.feature_cache import FeatureCache
from whynet.workflows.phase_one import prepare_subject
from whynet.workflows.run import Run
from whynet.workflows.settings import DataSettings, ModelSettings, TrainSettings
from whynet.workflows.train import resumed_settings, train

CPU = Hardware(device="cpu")
BRIEF = {
    "classifier": ClassifierSettings(epochs=2, batch_size=8),
    "explainer": ExplainerSettings(epochs=2, batch_size=8, embedding_size=8, hidden_size=8, projection_size=8),
}


@pytest.fixture
def brief(quick_settings):
    return replace(quick_settings, **BRIEF)


@pytest.fixture(scope="module")
def backbone(quick_settings, tmp_path_factory):
    """A run with a bilinear feature and no explainer."""
    folder = tmp_path_factory.mktemp("backbone") / "run"
    settings = replace(quick_settings, model=ModelSettings(variant="interpnet0", bilinear=32))
    train(folder, settings, hardware=CPU, explainer=False, progress=False)
    return folder


def test_a_run_may_end_with_its_classifier(backbone, quick_settings):
    run = Run.open(backbone)
    assert run.is_complete("classifier")
    assert not run.is_complete("interpnet")
    subject = load_subject(backbone / "classifier")
    assert subject.network.output.out_features == 2
    assert subject.network.hidden[0][0].in_features == 32


def test_a_head_on_a_backbone_keeps_the_feature(backbone, brief, tmp_path):
    settings = replace(brief, model=ModelSettings(variant="interpnet2", backbone=str(backbone)))
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    explainer = Explainer(run, device="cpu")
    assert isinstance(explainer.subject.network, ConvNet)
    assert explainer.introspection.layers == ("feature", "hidden.0", "hidden.1")
    images = torch.randn(3, 3, 16, 16)
    below = [Introspection(subject, ["feature"], probabilities=False).read(images)[0]
             for subject in (load_subject(backbone / "classifier"), explainer.subject)]  # fmt: skip
    assert torch.equal(*below)
    assert len(json.loads((run.folder / "classifier" / "training.json").read_text())) == 2


def test_a_second_run_on_the_same_backbone_reads_the_cache(backbone, brief, tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path / "cache")
    settings = replace(brief, model=ModelSettings(variant="interpnet1", backbone=str(backbone)))
    first = train(tmp_path / "first", settings, hardware=CPU, cache=cache, progress=False)

    def refuse(*_):
        raise AssertionError("read again")

    monkeypatch.setattr(FeatureCache, "store", refuse)
    second = train(tmp_path / "second", settings, hardware=CPU, cache=cache, progress=False)
    for name in ("classifier/model.safetensors", "interpnet/model.safetensors"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


@pytest.mark.parametrize(
    ("network", "layers"),
    [("timm:resnet10t", "layer3,layer4"), ("torchvision:mobilenet_v3_small", "features.12")],
)
def test_a_network_by_name_is_trained_and_explained(network, layers, brief, tmp_path):
    model = ModelSettings(network=network, layers=layers)
    settings = replace(brief, model=model, data=replace(brief.data, image_size=32))
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    explainer = Explainer(run, device="cpu")
    assert explainer.introspection.layers == tuple(layers.split(","))
    assert [name for name, _ in explainer.segments] == [*layers.split(","), "probabilities"]
    assert explainer.interpnet.reading_size == sum(size for _, size in explainer.segments)
    assert train(run.folder, resumed_settings(run.folder, {}), hardware=CPU, resume=True, progress=False)
    # The trained network explained as it is, by its name and its weights.
    weights = run.folder / "classifier" / "model.safetensors"
    again = replace(settings, model=ModelSettings(subject=network, weights=str(weights), layers=layers))
    other = Explainer(train(tmp_path / "again", again, hardware=CPU, progress=False), device="cpu")
    assert other.subject.preprocess == explainer.subject.preprocess
    assert (other.subject.preprocess.height, other.subject.preprocess.width) == (32, 32)
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(other.subject.logits(images), explainer.subject.logits(images))


@pytest.mark.parametrize(
    ("network", "layers"),
    [
        ("alexnet", "classifier.1,classifier.4"),
        ("vgg11", "features.19"),
        ("vgg_m", "relu5,fc7"),
        ("resnet18", "layer4"),
    ],
)
def test_a_built_in_network_is_trained_and_explained(network, layers, brief, tmp_path):
    settings = replace(
        brief,
        model=ModelSettings(network=network, width=0.05, layers=layers),
        data=replace(brief.data, image_size=32),
    )
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    assert TrainSettings.from_json(run.settings) == settings
    explainer = Explainer(run, device="cpu")
    assert name_of_built_in(explainer.subject.network) == network
    assert [name for name, _ in explainer.segments] == [*layers.split(","), "probabilities"]
    assert (explainer.subject.preprocess.height, explainer.subject.preprocess.width) == (32, 32)
    assert train(run.folder, resumed_settings(run.folder, {}), hardware=CPU, resume=True, progress=False)


@pytest.mark.parametrize(
    ("network", "more", "layer"),
    [
        ({}, {}, "blocks.3.2"),
        ({"network": "alexnet", "width": 0.05}, {"strength": 1.0, "gradient": "equation4"}, "features.11"),
        (
            {"network": "timm:resnet10t", "layers": "layer4", "interpretable_layer": "layer4"},
            {"norm": "l2", "gradient": "exact", "learned_beta": True}, "layer4",
        ),
    ],
)  # fmt: skip
def test_interpretable_filters_learn_which_category_they_stand_for(brief, tmp_path, network, more, layer):
    settings = replace(
        brief, model=ModelSettings(interpretable=True, **network), data=replace(brief.data, image_size=64),
        filters=FilterSettings(**more),
    )  # fmt: skip
    run = train(tmp_path / "run", settings, hardware=CPU, explainer=False, progress=False)
    own = load_subject(run.folder / "classifier").layer(layer)
    assert isinstance(own, InterpretableConv)
    for mask in own.masks:
        counts = mask.categories.bincount(minlength=2)
        assert abs(int(counts[0]) - int(counts[1])) <= 1
        assert (mask.beta != 4.0).any() == settings.filters.learned_beta
    again = train(tmp_path / "again", settings, hardware=CPU, explainer=False, progress=False)
    for name, value in load_subject(again.folder / "classifier").network.state_dict().items():
        assert torch.equal(value, load_subject(run.folder / "classifier").network.state_dict()[name])


@pytest.mark.parametrize("network", ["convnet", "alexnet", "vgg_m", "resnet18"])
def test_twins_begin_with_the_same_weights(brief, network):
    sizes = {} if network == "convnet" else {"width": 0.05}
    states = []
    for interpretable in (False, True):
        model = ModelSettings(network=network, interpretable=interpretable, seed=3, **sizes)
        settings = replace(brief, model=model, data=replace(brief.data, image_size=64))
        prepared = prepare_subject(settings, ("a", "b"))
        states.append(prepared.subject.network.state_dict())
    ordinary, twin = states
    moved = {name.replace(".below.", "."): value for name, value in twin.items()}
    for name, value in ordinary.items():
        assert torch.equal(value, moved[name]), name
    assert len(twin) > len(ordinary)


def test_training_begins_with_the_weights_of_another_run(brief, tmp_path):
    data = replace(brief.data, image_size=64)
    whole = train(tmp_path / "all", replace(brief, data=data), hardware=CPU, explainer=False, progress=False)
    name = open_data(data).train.class_names[0]
    model = ModelSettings(start=str(whole.folder), interpretable=True)
    settings = replace(brief, data=replace(data, task=name), model=model)
    prepared = prepare_subject(settings, (name, "others"))
    held = load_subject(whole.folder / "classifier").network.state_dict()
    own = prepared.subject.network.state_dict()
    assert torch.equal(own["blocks.0.0.weight"], held["blocks.0.0.weight"])
    assert len(own) > len(held)
    with pytest.raises(SubjectError, match=r"--start needs a run that holds a trained network, and .*none holds none"):
        prepare_subject(replace(settings, model=ModelSettings(start=str(tmp_path / "none"))), (name, "others"))
    with pytest.raises(SubjectError, match="name a run of the same network and width"):
        prepare_subject(replace(settings, model=replace(model, network="alexnet", width=0.1)), (name, "others"))
    other = replace(settings, data=replace(settings.data, data_seed=7))
    with pytest.raises(SubjectError, match=r"--data-seed 0 of .* was expected, not 7: pictures held out here would"):
        prepare_subject(other, (name, "others"))
    with pytest.raises(SettingError, match="--start gives weights to train on, but --subject and --backbone keep"):
        ModelSettings(start="x", subject="y", layers="z")


def test_an_interpretable_fit_that_was_broken_off_goes_on_with_the_same_means(brief, tmp_path):
    settings = replace(brief, model=ModelSettings(interpretable=True), data=replace(brief.data, image_size=64))
    whole = train(tmp_path / "whole", settings, hardware=CPU, explainer=False, progress=False)
    step, steps = FilterLearning.learning, []

    def breaking(self, labels, epoch):
        steps.append(epoch)
        if epoch == 2:
            raise KeyboardInterrupt
        return step(self, labels, epoch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FilterLearning, "learning", breaking)
        train(tmp_path / "broken", settings, hardware=CPU, explainer=False, progress=False)
    assert set(steps) == {1, 2}
    train(tmp_path / "broken", settings, hardware=CPU, explainer=False, resume=True, progress=False)
    states = [load_subject(tmp_path / name / "classifier").network.state_dict() for name in ("whole", "broken")]
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name
    assert whole.is_complete("classifier")


def test_one_category_against_all_others(brief, tmp_path):
    data = replace(brief.data, image_size=64)
    name = open_data(data).train.class_names[1]
    settings = replace(
        brief, data=replace(data, task=name), model=ModelSettings(interpretable=True),
        classifier=replace(brief.classifier, loss="logistic"),
    )  # fmt: skip
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    with pytest.raises(SettingError, match=r"one of the classes .* was expected as the task, .* not 'owl'"):
        open_data(replace(data, task="owl"))
    subject = load_subject(run.folder / "classifier")
    assert subject.class_names == (name, "others")
    assert set(subject.layer("blocks.3.2").mask.categories.tolist()) == {0}
    assert not run.is_complete("interpnet"), "sentences tell all classes apart"


def test_the_logistic_loss_is_each_class_against_all_others():
    settings = ClassifierSettings(loss="logistic")
    module = PictureTraining(ConvNet(3, widths=(8,)), Preprocessing(height=8, width=8), 3, settings)
    logits, labels = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]), torch.tensor([0, 2])
    expected = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        for place, value in enumerate(row):
            share = 1 / (1 + math.exp(-value))
            expected -= math.log(share if place == label else 1 - share) / 2
    assert float(module.loss(logits, labels)) == pytest.approx(expected, rel=1e-5)


def test_settings_from_before_there_was_a_width(brief):
    values = brief.to_json()
    del values["model"]["width"], values["model"]["interpretable"], values["filters"], values["data"]["task"]
    assert TrainSettings.from_json(values) == brief


def test_a_wrong_layer_or_network_is_told_before_training(brief, tmp_path):
    def attempt(**model):
        settings = replace(brief, model=ModelSettings(**model), data=replace(brief.data, image_size=32))
        train(tmp_path / "run", settings, hardware=CPU, progress=False)
        shutil.rmtree(tmp_path / "run")

    with pytest.raises(SubjectError, match=r"has no layer 'layer9'; near names are layer\d"):
        attempt(network="timm:resnet10t", layers="layer9")
    assert not (tmp_path / "run").exists()
    with pytest.raises(SubjectError, match="alexnet has no layer 'fc6'; its layers are features"):
        attempt(network="alexnet", width=0.01, layers="fc6")
    with pytest.raises(SubjectError, match="VGGS takes pictures of at least 31 x 31 pixels, not 16 x 16"):
        train(tmp_path / "run", replace(brief, model=ModelSettings(network="vgg_s", width=0.01, layers="relu5")))
    assert not (tmp_path / "run").exists()
    with pytest.raises(SubjectError, match="no image classifier 'resnet10x'; near names are .*resnet10t"):
        attempt(network="timm:resnet10x", layers="layer4")
    with pytest.raises(SubjectError, match="--backbone needs a run that holds a trained convnet, and .* holds none"):
        attempt(backbone=str(tmp_path))


def test_a_backbone_of_other_classes_is_refused(backbone, tmp_path):
    settings = TrainSettings(
        data=DataSettings(name="birds", num_species=2, image_size=16), model=ModelSettings(backbone=str(backbone))
    )
    with pytest.raises(SubjectError, match="knows 2 classes .blue tile, red tile.* the data have 2 "):
        train(tmp_path / "run", settings, hardware=CPU, progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"network": "resnet10t", "layers": "x"},
            "network 'resnet10t' is unknown; choose convnet, small_convnet, alexnet, .* timm:NAME",
        ),
        ({"network": "alexnet", "layers": "x", "variant": "interpnet1"}, "so interpnet1 means nothing"),
        ({"network": "alexnet", "layers": "x", "bilinear": 8}, "--network and --bilinear name several; choose one"),
        (
            {"width": 0.5},
            "--width belongs to --network small_convnet, alexnet, vgg11, .*resnet18; convnet has its own channels",
        ),
        ({"network": "timm:x", "layers": "x", "width": 2.0}, "--width belongs .*; timm:x has its own channels"),
        ({"subject": "a:b", "layers": "x", "width": 0.5}, "--width belongs .*; --subject has its own channels"),
        ({"network": "alexnet", "layers": "x", "width": 0.0}, "a positive width was expected, not 0.0"),
        ({"network": "alexnet", "layers": "x", "width": float("nan")}, "a positive width was expected, not nan"),
        ({"network": "timm:resnet10t"}, "--subject and --network timm:NAME, .* need --layers"),
        ({"interpretable_layer": "x"}, "--interpretable-layer belongs to --interpretable"),
        ({"interpretable": True, "subject": "a:b", "layers": "x"}, "--interpretable trains new filters, but --subject"),
        ({"interpretable": True, "backbone": "x"}, "--interpretable trains new filters, but --subject and --backbone"),
        (
            {"interpretable": True, "network": "timm:x", "layers": "x"},
            "--interpretable needs --interpretable-layer for timm:x",
        ),
        ({"layers": "x"}, "--layers belongs to --subject or --network"),
        ({"bilinear": -1}, "a bilinear feature of 0 entries or more was expected, not -1"),
        ({"bilinear": 8, "backbone": "x"}, "--bilinear and --backbone name several; choose one"),
        ({"network": "timm:x", "subject": "a:b", "layers": "x"}, "--subject and --network name several"),
        ({"weights": "w"}, "--weights belongs to --subject package.module:function or timm:NAME"),
        ({"network": "timm:x", "layers": "x", "variant": "interpnet3"}, "so interpnet3 means nothing"),
    ],
)
def test_settings_that_contradict_each_other(values, message):
    with pytest.raises(SettingError, match=message):
        ModelSettings(**values)
