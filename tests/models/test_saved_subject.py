import json

import pytest
import torch
from torch import nn

from whynet.base.errors import RunError, SubjectError
from whynet.models.built_in_networks import BUILT_IN_NETWORKS, NETWORKS_WITH_WIDTH, build_built_in
from whynet.models.convnet import ConvNet
from whynet.models.filter_settings import FilterSettings
from whynet.models.interpretable_conv import InterpretableConv, make_interpretable
from whynet.models.named_subject import untrained_subject
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import import_subject, load_subject, save_subject
from whynet.models.subject import Subject

CLASSES = ["tern", "wren"]
PREPROCESSING = Preprocessing(height=8, width=8)


def own_module(monkeypatch, **functions):
    module = type(torch)("own_networks")
    vars(module).update(functions)
    monkeypatch.setitem(__import__("sys").modules, "own_networks", module)


def built(name):
    return import_subject(f"own_networks:{name}", weights=None, class_names=CLASSES, preprocessing=PREPROCESSING)


def test_an_error_inside_the_users_function_is_shown_as_it_is(monkeypatch):
    def build():
        return nn.Linear("3", 2)

    def needy(size):
        return nn.Linear(size, 2)

    def lazy():
        raise AttributeError("no attribute of mine")

    own_module(monkeypatch, build=build, needy=needy, lazy=lazy, thing=7)
    with pytest.raises(TypeError, match="str"):
        built("build")
    with pytest.raises(AttributeError, match="no attribute of mine"):
        built("lazy")
    for name in ("needy", "thing"):
        with pytest.raises(SubjectError, match=f"own_networks:{name} must be a function .* without arguments"):
            built(name)
    with pytest.raises(SubjectError, match="cannot import 'own_networks:absent'"):
        built("absent")


def test_an_old_folder_is_still_read(tmp_path):
    network = ConvNet(2, widths=(4,), hidden=())
    save_subject(Subject(network, class_names=CLASSES, preprocess=PREPROCESSING), tmp_path)
    path = tmp_path / "subject.json"
    values = json.loads(path.read_text())
    assert "architecture" not in values
    values["preprocessing"] = {key: values["preprocessing"][key] for key in ("height", "width", "fit", "mean", "std")}
    path.write_text(json.dumps(values))
    again = load_subject(tmp_path)
    assert again.preprocess == PREPROCESSING
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(again.logits(images), network.eval()(images))


@pytest.mark.parametrize("name", BUILT_IN_NETWORKS)
def test_a_built_in_network_is_read_back(name, tmp_path):
    network = build_built_in(name, 2, **({"width": 0.05} if name in NETWORKS_WITH_WIDTH else {}))
    preprocess = Preprocessing(height=48, width=40)
    save_subject(Subject(network, class_names=CLASSES, preprocess=preprocess), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors", "subject.json"}
    assert json.loads((tmp_path / "subject.json").read_text())["network"] == name
    again = load_subject(tmp_path)
    assert type(again.network) is type(network)
    assert again.preprocess == preprocess
    assert not again.network.training
    images = torch.randn(2, 3, 48, 40)
    assert torch.equal(again.logits(images), network.eval()(images))


@pytest.mark.parametrize(
    ("file", "changes", "match"),
    [
        (
            "subject.json",
            {"network": "vgg12"},
            "names the network 'vgg12', which is none of convnet, small_convnet, alexnet, .*resnet18",
        ),
        ("subject.json", {"network": "vgg13"}, "names the network vgg13 and holds another"),
        ("subject.json", {"network": "alexnet"}, "does not describe a AlexNet .*depth"),
        ("subject.json", {"preprocessing": None}, "lacks the preprocessing"),
        (
            "config.json",
            {"depth": 12},
            "does not describe a VGG .a VGG of depth 11, 13, 16, 19 was expected, not of 12",
        ),
        ("config.json", {"width": 0}, "does not describe a VGG"),
        ("config.json", {"height": 3}, "does not describe a VGG .*height"),
        ("config.json", {"depth": [11]}, "does not describe a VGG"),
    ],
)
def test_a_damaged_built_in_network(file, changes, match, tmp_path):
    network = build_built_in("vgg11", 2, width=0.01)
    save_subject(Subject(network, class_names=CLASSES, preprocess=PREPROCESSING), tmp_path)
    path = tmp_path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(RunError, match=match):
        load_subject(tmp_path)


def test_other_weights_do_not_fit_a_built_in_network(tmp_path):
    subject = Subject(build_built_in("vgg_m", 2, width=0.01), class_names=CLASSES, preprocess=PREPROCESSING)
    save_subject(subject, tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"num_classes": 2, "width": 0.1}))
    with pytest.raises(SubjectError, match="does not fit the network"):
        load_subject(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04")
    with pytest.raises(RunError, match="not a whole safetensors file"):
        load_subject(tmp_path)


def test_a_network_without_a_name_needs_its_function(tmp_path):
    subject = Subject(nn.Linear(2, 2), class_names=CLASSES, preprocess=PREPROCESSING)
    with pytest.raises(SubjectError, match="a Linear can be saved only with the function that builds it"):
        save_subject(subject, tmp_path)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"architecture": None}, RunError, "does not describe how to build torchvision:squeezenet1_1"),
        ({"architecture": {"image_size": -1, "config": None}}, RunError, "does not describe how to build"),
        ({"network": "hf:some/where"}, RunError, "does not describe how to build hf:some/where"),
        ({"network": "torchvision:squeezenet9"}, SubjectError, "near names are squeezenet1_1"),
        ({"network": "timm:hf-hub:some/where"}, SubjectError, "timm has no image classifier 'hf-hub:some/where'"),
        ({"preprocessing": None}, RunError, "lacks the preprocessing"),
        ({"class_names": ["tern", "wren", "crow"]}, SubjectError, "does not fit the network"),
    ],
)
def test_a_damaged_named_network(named_folder, changes, error, match):
    path = named_folder / "subject.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | changes))
    try:
        with pytest.raises(error, match=match):
            load_subject(named_folder)
    finally:
        path.write_text(before)


@pytest.fixture(scope="module")
def named_folder(tmp_path_factory):
    pytest.importorskip("torchvision")
    pytest.importorskip("timm")
    folder = tmp_path_factory.mktemp("named")
    save_subject(untrained_subject("torchvision:squeezenet1_1", class_names=CLASSES, image_size=32), folder)
    return folder


@pytest.mark.parametrize("name", ["convnet", "vgg_m", "resnet18"])
def test_interpretable_layers_come_back_with_their_categories(name, tmp_path):
    network = build_built_in(name, 2, **({} if name == "convnet" else {"width": 0.125}))
    settings = FilterSettings(norm="l2", beta=3.0, strength=0.0)  # the loss ends with the training
    made = make_interpretable(network, network.top_layer, images=torch.rand(1, 3, 64, 48), settings=settings).eval()
    layer = made.get_submodule(network.top_layer)
    layer.mask.categories.copy_(torch.arange(len(layer.mask.categories)) % 2)
    layer.mask.beta.add_(0.5)
    subject = Subject(made, class_names=("a", "b"), preprocess=Preprocessing(height=64, width=48))
    save_subject(subject, tmp_path)
    found = load_subject(tmp_path)
    images = torch.rand(2, 3, 64, 48)
    assert torch.equal(found.logits(images), subject.logits(images))
    assert torch.equal(found.layer(network.top_layer).mask.categories, layer.mask.categories)
    assert found.layer(network.top_layer).mask.settings == settings
    save_subject(found, tmp_path / "again")
    assert json.loads((tmp_path / "again" / "subject.json").read_text()) == json.loads(
        (tmp_path / "subject.json").read_text()
    )


@pytest.mark.parametrize("layer", ["blocks.1.2", "top"])
def test_an_interpretable_layer_of_two_names_comes_back(layer, tmp_path, monkeypatch):
    as_it_was = ConvNet.__init__

    def aliased(self, *args, **options):
        as_it_was(self, *args, **options)
        self.top = self.blocks[1][2]

    monkeypatch.setattr(ConvNet, "__init__", aliased)
    network = ConvNet(2, widths=(4, 6), hidden=())
    made = make_interpretable(network, layer, images=torch.rand(1, 3, 32, 32)).eval()
    subject = Subject(made, class_names=("a", "b"), preprocess=Preprocessing(height=32, width=32))
    save_subject(subject, tmp_path)
    found = load_subject(tmp_path)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(found.logits(images), subject.logits(images))
    assert found.network.top is found.network.blocks[1][2]
    assert isinstance(found.network.top, InterpretableConv)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([], RunError, "does not describe interpretable layers; train it again"),
        ({"blocks.3.2": {"norm": "l1"}}, RunError, "does not describe interpretable layers"),
        ({"blocks.3.2": {"norm": "l1", "beta": 0.5}}, RunError, "does not describe interpretable layers"),
        ({"blocks.9": {"norm": "l1", "beta": 4.0}}, SubjectError, "has no layer 'blocks.9'"),
        ({"blocks.2.2": {"norm": "l1", "beta": 4.0}}, SubjectError, "does not fit the network"),
    ],
)
def test_damaged_descriptions_of_interpretable_layers(values, error, message, tmp_path):
    network = build_built_in("convnet", 2)
    made = make_interpretable(network, "blocks.3.2", images=torch.rand(1, 3, 64, 64))
    save_subject(Subject(made, class_names=("a", "b"), preprocess=Preprocessing(height=64, width=64)), tmp_path)
    path = tmp_path / "subject.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"interpretable": values}))
    with pytest.raises(error, match=message):
        load_subject(tmp_path)
