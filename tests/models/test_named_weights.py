import subprocess
import sys
import urllib.error
import urllib.request

import pytest
import torch
from safetensors.torch import load_file, save_file

from whynet.base.errors import RunError, SubjectError
from whynet.models import named_weights
from whynet.models.named_network import Architecture
from whynet.models.named_weights import network_from_file, published_network

timm = pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")

TIMM = Architecture(name="timm:resnet10t", image_size=32)
TINY = {
    "model_type": "vit",
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 16,
    "patch_size": 8,
}


@pytest.fixture
def published(tmp_path):
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=1000).eval()
    path = tmp_path / "model.safetensors"
    save_file(network.state_dict(), path)
    return path, network


def test_timms_published_weights_fill_the_network(published, monkeypatch):
    path, network = published
    asked = []
    monkeypatch.setattr(named_weights, "hub_file", lambda *where: asked.append(where) or path)
    ours = published_network(TIMM, 1000)
    assert asked == [("timm/resnet10t.c3_in1k", "model.safetensors", "timm:resnet10t")]
    for name, tensor in network.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor)


def test_torchvisions_published_weights_lose_their_auxiliary_heads(monkeypatch):
    torch.manual_seed(0)
    whole = torchvision.models.inception_v3(weights=None, init_weights=False, aux_logits=True)
    monkeypatch.setattr(named_weights, "_fetched_by_torchvision", lambda *_: whole.state_dict())
    ours = published_network(Architecture(name="torchvision:inception_v3"), 1000)
    assert ours.transform_input
    assert ours.AuxLogits is None
    assert torch.equal(ours.fc.weight, whole.fc.weight)


def test_torchvisions_weights_that_cannot_be_fetched(tmp_path, monkeypatch, capfd):
    def refuse(request, timeout):
        raise urllib.error.URLError(f"no route to {request.host} in {timeout:.0f} seconds")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    match = r"resnet18 could not be fetched \(.*download.pytorch.org in 5 seconds>\); save .* with --weights FILE"
    with pytest.raises(SubjectError, match=match):
        published_network(Architecture(name="torchvision:resnet18"), 1000)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_without_a_network_it_is_told_in_one_line_each(tmp_path):
    """In a process of its own, where no name can be resolved and no cache is found."""
    code = (
        "import socket, sys, time\n"
        "def refuse(*args, **options): raise socket.gaierror(-2, 'Name or service not known')\n"
        "socket.getaddrinfo = refuse\n"
        "from whynet.base.errors import SubjectError\n"
        "from whynet.models.named_weights import published_network\n"
        "from whynet.models.named_network import Architecture\n"
        "waits = []\n"
        "time.sleep = waits.append\n"
        "for name in ('timm:resnet10t', 'torchvision:resnet18'):\n"
        "    try: published_network(Architecture(name=name), 1000)\n"
        "    except SubjectError as error: print(error)\n"
        "print(waits)\n"
    )
    environment = {"HF_HOME": str(tmp_path), "TORCH_HOME": str(tmp_path), "PATH": "/usr/bin", "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, timeout=600
    )
    first, second, waits = process.stdout.splitlines()
    for message, name in ((first, "timm:resnet10t"), (second, "torchvision:resnet18")):
        assert message.startswith(f"the weights of {name} could not be fetched (")
        assert "safetensors" in message
        assert message.endswith("with --weights FILE")
    assert waits == "[]"  # no second try
    assert process.stderr == ""


def test_a_network_without_published_weights():
    with pytest.raises(SubjectError, match="no weights of timm:botnet50ts_256 are published as safetensors"):
        published_network(Architecture(name="timm:botnet50ts_256"), 1000)


def test_older_names_of_transformers_tensors_are_translated(tmp_path):
    network = network_from(tmp_path, TINY)
    assert not set(load_file(tmp_path / "model.safetensors")) <= set(network.state_dict())  # the names do differ
    found = network_from_file(Architecture(name="hf:tiny", config=TINY), 2, tmp_path / "model.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)


def network_from(folder, values):
    torch.manual_seed(6)
    config = transformers.ViTConfig(**{key: value for key, value in values.items() if key != "model_type"})
    network = transformers.ViTForImageClassification(config)
    network.save_pretrained(folder)
    return network


@pytest.mark.parametrize("change", [{"hidden_size": 32}, {"num_hidden_layers": 2}, {"image_size": 24}])
def test_transformers_weights_that_do_not_fit(tmp_path, change):
    network_from(tmp_path, TINY)
    with pytest.raises(SubjectError, match="model.safetensors does not fit hf:tiny: .* missing or of another shape"):
        network_from_file(Architecture(name="hf:tiny", config=TINY | change), 2, tmp_path / "model.safetensors")


def test_files_that_are_no_weights(published, tmp_path):
    path, _ = published
    with pytest.raises(SubjectError, match="does not fit the network"):
        network_from_file(Architecture(name="torchvision:squeezenet1_1"), 1000, path)
    with pytest.raises(RunError, match="are not there"):
        network_from_file(TIMM, 1000, tmp_path / "absent.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match="is not a whole safetensors file"):
        network_from_file(TIMM, 1000, path)
