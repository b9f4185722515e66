import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model

from whynet.base.errors import MissingDependencyError, SubjectError
from whynet.models import named_network
from whynet.models.introspection import Introspection
from whynet.models.named_network import named_architecture
from whynet.models.named_subject import named_subject, published_class_names, untrained_subject
from whynet.models.saved_subject import load_subject, save_subject

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")

CLASSES = ["tern", "wren", "crow"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A tiny vision transformer as transformers saves it."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("vit")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, image_size=64,
        id2label=dict(enumerate(CLASSES)), label2id={name: index for index, name in enumerate(CLASSES)},
    )  # fmt: skip
    with named_network.quiet():
        transformers.ViTForImageClassification(config).save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("name", "layers", "sizes"),
    [
        ("timm:resnet10t", ["layer2", "layer4.0.act2", "global_pool"], [128, 512, 512]),
        ("timm:convnext_atto", ["stem", "stages.1", "stages.3.blocks.1.norm"], [40, 80, 320]),
        ("timm:vit_tiny_patch16_224", ["patch_embed", "blocks.3", "norm"], [192, 192, 192]),
        ("torchvision:mobilenet_v3_small", ["features.3", "features.12", "classifier.1"], [24, 576, 1024]),
        ("hf:FOLDER", ["vit.embeddings", "vit.layers.1", "vit.layers.1.attention", "vit"], [16, 16, 16, 16]),
    ],
)
def test_layers_are_read_at_64_pixels_and_survive_a_folder(name, layers, sizes, folder, tmp_path):
    torch.manual_seed(2)
    subject = untrained_subject(name.replace("FOLDER", str(folder)), class_names=CLASSES, image_size=64)
    images = subject.preprocess([(torch.rand(70, 90, 3) * 255).byte().numpy() for _ in range(2)])
    assert images.shape == (2, 3, 64, 64)
    reading, logits = Introspection(subject, layers).read(images)
    assert reading.shape == (2, sum(sizes) + 3)
    save_subject(subject, tmp_path)
    again = load_subject(tmp_path)
    assert again.class_names == tuple(CLASSES)
    assert again.preprocess == subject.preprocess
    assert torch.equal(again.logits(images), logits)
    again_reading, _ = Introspection(again, layers).read(images)
    assert torch.equal(again_reading, reading)
    assert json.loads((tmp_path / "subject.json").read_text())["network"] == subject.name


def test_a_saved_transformer_needs_its_old_folder_no_more(folder, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in folder.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    subject = named_subject(f"hf:{moved}")
    save_subject(subject, tmp_path / "saved")
    for file in moved.iterdir():
        file.unlink()
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(load_subject(tmp_path / "saved").logits(images), subject.logits(images))


def test_a_folder_of_transformers_is_read_as_the_library_reads_it(folder, tmp_path):
    subject = named_subject(f"hf:{folder}")
    assert subject.class_names == tuple(CLASSES)
    images = torch.randn(2, 3, 64, 64)
    with named_network.quiet():
        theirs = transformers.AutoModelForImageClassification.from_pretrained(folder, attn_implementation="eager")
    with torch.no_grad():
        torch.testing.assert_close(subject.logits(images), theirs.eval()(images).logits)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    by_file = named_subject(f"hf:{folder}", weights=tmp_path / "model.safetensors", class_names=["x", "y", "z"])
    assert torch.equal(by_file.logits(images), subject.logits(images))
    assert by_file.class_names == ("x", "y", "z")


def test_weights_from_a_file(tmp_path):
    torch.manual_seed(4)
    network = torchvision.models.squeezenet1_1(num_classes=3).eval()
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    subject = named_subject(
        "torchvision:squeezenet1_1", class_names=CLASSES, weights=tmp_path / "own.safetensors", image_size=64
    )
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(subject.logits(images), network(images))


def test_the_published_names_are_unique():
    own = published_class_names(named_architecture("timm:resnet10t", None))
    theirs = published_class_names(named_architecture("torchvision:resnet18", None))
    assert len(set(own)) == len(set(theirs)) == 1000
    assert [own[134], own[517], own[638], own[639]] == ["crane", "crane (2)", "maillot", "maillot (2)"]
    assert sum(a == b for a, b in zip(own, theirs, strict=True)) == 997  # crane bird, crane, maillot tank suit


def test_class_names_that_do_not_match(folder, tmp_path):
    with pytest.raises(SubjectError, match="torchvision:resnet18 has 1000 outputs, but there are 3 class names"):
        named_subject("torchvision:resnet18", class_names=CLASSES)
    save_model(timm.create_model("resnet10t", num_classes=1000), str(tmp_path / "own.safetensors"))
    match = "the weights are of a network with 1000 outputs, but there are 3 class names"
    with pytest.raises(SubjectError, match=match):
        named_subject("timm:resnet10t", class_names=CLASSES, weights=tmp_path / "own.safetensors")
    with pytest.raises(SubjectError, match="of a network with 3 outputs, but there are 2 class names"):
        named_subject(f"hf:{folder}", class_names=CLASSES[:2], weights=folder / "model.safetensors")
    with pytest.raises(SubjectError, match="one unique name for each class"):
        untrained_subject("timm:resnet10t", class_names=["a", "a"], image_size=32)


def test_names_that_nobody_published():
    with pytest.raises(SubjectError, match="published with 0 classes, and timm has no names for them"):
        named_subject("timm:vit_small_patch14_dinov2.lvd142m")


def test_a_picture_that_is_too_small():
    with pytest.raises(SubjectError, match=r"timm:inception_v3 cannot take images of 32 x 32 pixels \(.*Kernel size"):
        untrained_subject("timm:inception_v3", class_names=CLASSES, image_size=32)


def test_a_run_of_a_library_that_is_missing(tmp_path, monkeypatch):
    save_subject(untrained_subject("timm:resnet10t", class_names=CLASSES, image_size=32), tmp_path)
    find = named_network.importlib.util.find_spec
    monkeypatch.setattr(named_network.importlib.util, "find_spec", lambda name: None if name == "timm" else find(name))
    with pytest.raises(MissingDependencyError, match=r'pip install "whynet\[hub\]"'):
        load_subject(tmp_path)
