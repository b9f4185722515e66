import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from whynet.base.errors import SettingError, SubjectError
from whynet.models.named_preprocessing import _of_timm, named_preprocessing

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")


def picture(rows=311, columns=427):
    """Smooth and random: a few waves of random directions for each colour."""
    numbers = np.random.default_rng(5)
    y, x = np.indices((rows, columns))
    waves = [
        sum(np.sin((numbers.normal() * y + numbers.normal() * x) / 20 + numbers.normal()) for _ in range(4))
        for _ in range(3)
    ]
    return np.clip(128 + 30 * np.stack(waves, 2), 0, 255).astype(np.uint8)


def levels_apart(own, image, theirs):
    """The largest difference in levels of 255."""
    difference = (own([image])[0] - theirs) * torch.tensor(own.std)[:, None, None]
    return float(difference.abs().max() * 255)


@pytest.mark.parametrize(
    "name", ["resnet10t", "vit_tiny_patch16_224", "convnext_atto", "swinv2_cr_tiny_ns_224", "eva02_tiny_patch14_336"]
)
@pytest.mark.parametrize("sides", [(311, 427), (300, 200), (90, 90)])
def test_as_timm_to_within_two_levels(name, sides):
    own, image = named_preprocessing(f"timm:{name}"), picture(*sides)
    config = timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())
    theirs = timm.data.create_transform(**config, is_training=False)(Image.fromarray(image))
    assert levels_apart(own, image, theirs) < 2.01


@pytest.mark.parametrize("name", ["resnet18", "swin_v2_t", "inception_v3", "mobilenet_v3_small"])
@pytest.mark.parametrize("sides", [(311, 427), (300, 200), (90, 90)])
def test_as_torchvision_to_within_two_levels(name, sides):
    own, image = named_preprocessing(f"torchvision:{name}"), picture(*sides)
    theirs = torchvision.models.get_model_weights(name).DEFAULT.transforms()(Image.fromarray(image))
    assert levels_apart(own, image, theirs) < 2.01


@pytest.mark.parametrize(
    "processor",
    [
        transformers.ViTImageProcessor(size={"height": 64, "width": 64}),
        transformers.ViTImageProcessor(size={"height": 48, "width": 48}, do_normalize=False, resample=3),
        transformers.ConvNextImageProcessor(size={"shortest_edge": 56}, crop_pct=0.875),
        transformers.ConvNextImageProcessor(size={"shortest_edge": 384}),
        transformers.DeiTImageProcessor(),
        transformers.MobileNetV2ImageProcessor(),
        transformers.BitImageProcessor(size={"shortest_edge": 80}, crop_size={"height": 72, "width": 72}),
    ],
    ids=lambda processor: type(processor).__name__,
)
def test_as_transformers_to_within_two_levels(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    own, image = named_preprocessing(f"hf:{tmp_path}"), picture(300, 400)  # margins that all round to the same side
    theirs = processor(images=Image.fromarray(image), return_tensors="pt")["pixel_values"][0]
    assert levels_apart(own, image, theirs) < 2.01


def test_the_share_stays_where_the_size_is_chosen():
    own, small = named_preprocessing("torchvision:resnet18"), named_preprocessing("torchvision:resnet18", 64)
    assert (own.height, own.width, own.crop_share, own.interpolation, own.fit) == (224, 224, 0.875, "bilinear", "crop")
    assert (small.height, small.width, small.crop_share, small.mean) == (64, 64, 0.875, own.mean)


def test_every_network_of_timm_is_prepared_or_refused():
    refused = []
    for name in timm.list_models():
        try:
            own = _of_timm(timm, name)
        except (SubjectError, SettingError):
            refused.append(name)
            continue
        config = timm.get_pretrained_cfg(name)
        share = 0.875 if config is None or config.crop_pct is None else config.crop_pct
        assert round(own.height / own.crop_share) == math.floor(own.height / share)
    assert len(refused) < 12
    with pytest.raises(SubjectError, match="cannot copy: a crop share above 0 and up to 1|fits pictures by"):
        named_preprocessing(f"timm:{refused[0]}")


def test_what_cannot_be_copied_is_refused(tmp_path):
    transformers.MobileViTImageProcessor(do_flip_channel_order=True, size={"shortest_edge": 288}).save_pretrained(
        tmp_path
    )
    with pytest.raises(SubjectError, match="in a way that whynet cannot copy: one came out .* of 255 levels apart"):
        named_preprocessing(f"hf:{tmp_path}")
    values = {"image_processor_type": "NoSuchProcessor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    with pytest.raises(SubjectError, match="preprocessor_config.json of .* cannot be used"):
        named_preprocessing(f"hf:{tmp_path}")
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(SubjectError, match="preprocessor_config.json, which is not there"):
        named_preprocessing(f"hf:{tmp_path}")
    with pytest.raises(SubjectError, match="near names are resnet18"):
        named_preprocessing("torchvision:resnet19")
