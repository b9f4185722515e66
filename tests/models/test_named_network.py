import builtins
import importlib.util
import json

import huggingface_hub
import pytest
import torch

from whynet.base.errors import MissingDependencyError, SubjectError
from whynet.models.introspection import Introspection
from whynet.models.named_network import Architecture, build_network, is_named, named_architecture
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject

timm = pytest.importorskip("timm")
transformers = pytest.importorskip("transformers")

TINY = {
    "model_type": "vit",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 32,
    "patch_size": 8,
}


def named_network(name, *, num_classes, image_size):
    return build_network(named_architecture(name, image_size), num_classes)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("timm:resnet10t", True),
        ("torchvision:resnet18", True),
        ("hf:org/name", True),
        ("timm:", False),
        ("own.networks:build", False),
        ("runs/demo", False),
    ],
)
def test_names_have_prefixes(name, named):
    assert is_named(name) is named


@pytest.mark.parametrize(
    ("name", "num_classes", "image_size"), [("timm:resnet10t", 5, 40), ("torchvision:mobilenet_v3_small", 3, 32)]
)
def test_a_network_has_as_many_outputs_as_classes(name, num_classes, image_size):
    network = named_network(name, num_classes=num_classes, image_size=image_size)
    assert network.eval()(torch.zeros(1, 3, image_size, image_size)).shape == (1, num_classes)


def test_the_library_builds_the_same_network():
    torch.manual_seed(3)
    ours = named_network("timm:resnet10t", num_classes=5, image_size=None).state_dict()
    torch.manual_seed(3)
    theirs = timm.create_model("resnet10t", pretrained=False, num_classes=5).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())


def test_a_transformer_is_built_for_the_size_asked_for():
    small = build_network(Architecture(name="hf:tiny", image_size=16, config=TINY), 3).eval()
    assert small(torch.zeros(1, 3, 16, 16)).logits.shape == (1, 3)
    assert small.config.num_labels == 3


def test_swins_maps_are_pooled_over_space():
    swin = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=32, window_size=4, embed_dim=8, depths=(1, 1), num_heads=(2, 2),
        num_classes=3,
    ).eval()  # fmt: skip
    assert swin.output_fmt == "NHWC"
    subject = Subject(swin, class_names=["a", "b", "c"], preprocess=Preprocessing(height=32, width=32))
    images = torch.randn(2, 3, 32, 32)
    layers = ["patch_embed", "layers.0", "layers.1"]  # (B, 8, 8, 8), (B, 8, 8, 8), (B, 4, 4, 16)
    reading, _ = Introspection(subject, layers, probabilities=False).read(images)
    with torch.no_grad():
        first = swin.patch_embed(images)
        second = swin.layers[0](first)
        third = swin.layers[1](second)
    torch.testing.assert_close(reading, torch.cat([x.mean((1, 2)) for x in (first, second, third)], 1))
    assert reading.shape == (2, 8 + 8 + 16)
    with pytest.raises(SubjectError, match="has 8 rows for 2 images"):
        Introspection(subject, ["layers.0.blocks.0.attn"]).read(images)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("timm:resnet10", "timm has no image classifier 'resnet10'; near names are .*resnet10t"),
        ("torchvision:resnet19", "torchvision has no image classifier 'resnet19'; near names are resnet18"),
        ("torchvision:fasterrcnn_resnet50_fpn", "has no image classifier"),
        ("timm:local-dir:/somewhere", "has no image classifier"),
        ("keras:resnet", "was expected, not 'keras:resnet'"),
    ],
)
def test_unknown_names(name, match):
    with pytest.raises(SubjectError, match=match):
        named_network(name, num_classes=2, image_size=None)


def test_a_size_that_does_not_fit():
    with pytest.raises(SubjectError, match=r"maxvit_t cannot be built with 2 classes for images of 64 pixels"):
        named_network("torchvision:maxvit_t", num_classes=2, image_size=64)


def test_a_missing_library_is_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "timm" else find(name))
    with pytest.raises(MissingDependencyError, match=r'timm:resnet10t needs timm, .* pip install "whynet\[hub\]"'):
        named_network("timm:resnet10t", num_classes=2, image_size=None)


@pytest.mark.parametrize("kind", ["bert", "timm_wrapper", "nothing", None])
def test_only_transformers_own_image_classifiers_are_built(kind):
    with pytest.raises(SubjectError, match="hf:tiny cannot be built"):
        build_network(Architecture(name="hf:tiny", config=TINY | {"model_type": kind}), 2)


def test_a_config_runs_no_code_and_fetches_none(tmp_path, monkeypatch):
    """What would import a stranger's module or fetch a kernel is dropped before the library sees it."""
    (tmp_path / "stranger.py").write_text("raise SystemExit('a stranger ran')")
    dangerous = {
        "auto_map": {"AutoConfig": "stranger.C", "AutoModelForImageClassification": "stranger.N"},
        "attn_implementation": "someone/kernel",
        "_attn_implementation": "someone/kernel",
        "dtype": "float16",
        "_name_or_path": "/home/someone",
    }
    (tmp_path / "config.json").write_text(json.dumps(TINY | dangerous | {"nested": dangerous}))
    architecture = named_architecture(f"hf:{tmp_path}", None)
    assert not set(dangerous) & set(architecture.config or {})
    assert (architecture.config or {})["nested"] == {}
    imported = []
    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: imported.append(name) or real(name, *rest))
    network = build_network(Architecture(name="hf:tiny", config=TINY | dangerous), 2)
    assert not [name for name in imported if "stranger" in name or name == "kernels"]
    assert network.config._attn_implementation == "eager"
    assert next(network.parameters()).dtype == torch.float32


def test_a_repository_that_cannot_be_fetched(monkeypatch):
    def refuse(*_args, **_options):
        raise OSError("no route to host\nand much more")

    monkeypatch.setattr(huggingface_hub, "get_session", lambda: type("Session", (), {"head": staticmethod(refuse)}))
    with pytest.raises(SubjectError, match=r"config.json of hf:org/name could not be fetched \(no route to host\)"):
        named_network("hf:org/name", num_classes=2, image_size=None)


def test_a_folder_without_config(tmp_path):
    with pytest.raises(SubjectError, match="config.json, which is not there"):
        named_network(f"hf:{tmp_path}", num_classes=2, image_size=None)
