import json
import shutil
from dataclasses import replace

import pytest
import torch
from PIL import Image
from torch import nn

from whynet.base.errors import DataError, RunError, SettingError, SubjectError
from whynet.models.convnet import ConvNet
from whynet.models.saved_subject import load_subject
from whynet.training.hardware import Hardware
from whynet.training.interpnet import ExplainerTraining
from whynet.training.settings import GVESettings
from whynet.workflows.catalogue import open_data
from whynet.workflows.explain import explain
from whynet.workflows.explainer import Explainer
from whynet.workflows.run import Run
from whynet.workflows.settings import ModelSettings, TrainSettings
from whynet.workflows.train import resumed_settings, train

CPU = Hardware(device="cpu")


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


def test_a_run_holds_json_and_safetensors_alone(coloured_run):
    names = {path.name for path in coloured_run.rglob("*") if path.is_file()}
    assert {"run.json", "subject.json", "config.json", "model.safetensors", "vocabulary.json", "training.json"} <= names
    assert {path.suffix for path in coloured_run.rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_it_learned_to_say_the_colour(coloured_run, coloured_pictures):
    pictures = [coloured_pictures / "test" / name / "0.png" for name in ("red tile", "blue tile")]
    red, blue = explain(coloured_run, pictures, device="cpu")
    assert (red.class_name, blue.class_name) == ("red tile", "blue tile")
    assert "red" in red.sentence.split()
    assert "blue" in blue.sentence.split()
    assert red.text == f"This is an image of a red tile because {red.sentence}"
    assert "".join(word.text for word in red.words) == red.sentence.replace(" ", "")
    assert all(0 < word.probability <= 1 for word in red.words)


@pytest.mark.parametrize("variant", ["interpnet0", "interpnet1", "interpnet3", "captioning"])
def test_every_variant_trains(variant, brief_settings, tmp_path):
    settings = replace(brief_settings, model=ModelSettings(variant=variant))
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    explainer = Explainer(run, device="cpu")
    hidden = len(explainer.subject.network.hidden)
    assert hidden == {"interpnet0": 1, "interpnet1": 1, "interpnet3": 3, "captioning": 1}[variant]
    layers = {"interpnet0": [], "interpnet1": ["feature", "hidden.0"], "captioning": ["feature"]}
    expected = layers.get(variant, ["feature", "hidden.0", "hidden.1", "hidden.2"])
    assert list(explainer.introspection.layers) == expected
    assert explainer.introspection.probabilities is (variant != "captioning")


@pytest.mark.parametrize(("variant", "num_layers"), [("interpnet2", 4), ("gve", 2)])
def test_balanced_layers_weigh_alike(variant, num_layers, quick_settings, tmp_path):
    brief = replace(quick_settings.explainer, epochs=1, balance=True)
    gve = GVESettings(reward_weight=0.0, epochs=1, embedding_size=8, hidden_size=12)
    settings = replace(quick_settings, model=ModelSettings(variant=variant), explainer=brief, gve=gve)
    explainer = Explainer(train(tmp_path / "run", settings, hardware=CPU, progress=False), device="cpu")
    seen = [size for _, size in explainer.segments]
    assert len(seen) == num_layers
    examples = open_data(settings.data).train
    readings, logits = explainer.introspection.read(
        explainer.subject.preprocess([examples[index].image for index in range(len(examples))])
    )
    true = explainer.conditioned(readings, logits, torch.tensor(examples.labels)) if variant == "gve" else readings
    parts = explainer.interpnet.scaled(true).split(seen, dim=1)
    lengths = [float(part.square().sum(1).mean().sqrt()) for part in parts]
    assert lengths == pytest.approx([num_layers**-0.5] * num_layers, rel=1e-3)


def test_a_run_killed_in_either_stage_ends_like_an_unbroken_one(brief_settings, tmp_path, monkeypatch):
    unbroken = train(tmp_path / "unbroken", brief_settings, hardware=CPU, progress=False).folder
    # In the second epoch or later, so that there is something to go on from.
    for stage, owner, last in (("classifier", "ClassifierTraining", 7), ("interpnet", "ExplainerTraining", 20)):
        folder = tmp_path / stage
        from whynet.training import classifier, interpnet

        module = {"classifier": classifier, "interpnet": interpnet}[stage]
        step, steps = getattr(module, owner).training_step, iter(range(1000))

        def dying(self, batch, index, step=step, steps=steps, last=last):
            if next(steps) == last:
                raise KeyboardInterrupt
            return step(self, batch, index)

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(getattr(module, owner), "training_step", dying)
            train(folder, brief_settings, hardware=CPU, progress=False)
        assert not Run.open(folder).is_complete(stage)
        train(folder, resumed_settings(folder, {}), hardware=CPU, resume=True, progress=False)
        assert files(folder) == files(unbroken)


def test_a_run_needs_a_folder_of_its_own_and_removes_nothing_else(coloured_run, quick_settings, tmp_path):
    mine = tmp_path / "mine"
    shutil.copytree(coloured_run, mine)
    (mine / "thesis.txt").write_text("mine")
    Run.open(mine).remove()
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    with pytest.raises(RunError, match="is not an empty folder, and a run needs one of its own"):
        train(mine, quick_settings, hardware=CPU, progress=False)
    shutil.copytree(coloured_run, tmp_path / "run")
    Run.open(tmp_path / "run").remove()
    assert not (tmp_path / "run").exists()


def test_resuming_a_strangers_run_does_not_run_the_code_that_it_names(coloured_run, tmp_path):
    def plant(folder):
        record = json.loads((folder / "run.json").read_text())
        record["settings"]["model"] |= {"subject": "planted:build", "layers": "first"}
        (folder / "run.json").write_text(json.dumps(record))

    folder = damaged(coloured_run, tmp_path / "run", plant)
    with pytest.raises(SubjectError, match="explains planted:build; to let that code run, name it again"):
        resumed_settings(folder, {})
    assert resumed_settings(folder, {"model": {"subject": "planted:build"}}).model.layers == "first"


def test_a_complete_run_is_not_trained_again(coloured_run, quick_settings, monkeypatch):
    monkeypatch.setattr(ExplainerTraining, "training_step", None)
    train(coloured_run, quick_settings, hardware=CPU, resume=True, progress=False)
    with pytest.raises(RunError, match="holds a run already; go on with --resume"):
        train(coloured_run, quick_settings, hardware=CPU, progress=False)
    with pytest.raises(SettingError, match="begun with classifier epochs = 4, not 9; leave it out"):
        resumed_settings(coloured_run, {"classifier": {"epochs": 9}})


def without_captions(root, copy):
    shutil.copytree(root, copy)
    for path in copy.rglob("metadata.jsonl"):
        path.unlink()
    return copy


def test_without_captions_the_classifier_is_trained_alone(coloured_pictures, brief_settings, tmp_path):
    root = without_captions(coloured_pictures, tmp_path / "plain")
    settings = replace(brief_settings, data=replace(brief_settings.data, root=str(root)))
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    assert run.is_complete("classifier")
    assert not run.is_complete("interpnet")
    (explanation,) = explain(run, root / "test" / "red tile" / "3.png", device="cpu")
    assert explanation.sentence is None
    assert explanation.text == "This is an image of a red tile."


def test_a_bad_picture_is_named_and_skipped_only_if_asked(coloured_pictures, brief_settings, tmp_path):
    root = tmp_path / "bad"
    shutil.copytree(coloured_pictures, root)
    bad = root / "train" / "red tile" / "5.png"
    bad.write_bytes(bad.read_bytes()[:40])
    settings = replace(brief_settings, data=replace(brief_settings.data, root=str(root)))
    with pytest.raises(DataError, match=r"(?s)1 of 24 examples.*--skip-bad.*5\.png"):
        train(tmp_path / "run", settings, hardware=CPU, progress=False)
    assert not (tmp_path / "run").exists()  # so that the same command can be given again
    run = train(tmp_path / "run", settings, hardware=CPU, skip_bad=True, progress=False)
    assert run.is_complete("interpnet")


class Functional(nn.Module):
    """A network of the user's own: functional ReLU, a layer in place, a reused module."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(6, 6, 3, padding=1)
        self.output = nn.Linear(6, 2)

    def forward(self, images):
        x = self.relu(self.first(images))
        x = torch.nn.functional.relu(self.relu(self.second(x)) - 0.1)
        return self.output(x.mean((2, 3)))


@pytest.fixture
def own_network(tmp_path, monkeypatch):
    """A module with a function that builds a network, and its weights as safetensors."""
    from safetensors.torch import save_file

    torch.manual_seed(4)
    weights = tmp_path / "own.safetensors"
    network = Functional()
    save_file(network.state_dict(), weights)
    module = type(torch)("own_networks")
    module.build, module.thing = Functional, lambda: 7
    monkeypatch.setitem(__import__("sys").modules, "own_networks", module)
    return weights, network


def test_explainer_alone_on_the_users_own_network(own_network, brief_settings, tmp_path, coloured_pictures):
    weights, network = own_network
    model = ModelSettings(subject="own_networks:build", weights=str(weights), layers="first, relu")
    settings = replace(brief_settings, model=model)
    run = train(tmp_path / "run", settings, hardware=CPU, progress=False)
    subject = load_subject(run.folder / "classifier", function="own_networks:build")
    for name, tensor in network.state_dict().items():
        assert torch.equal(subject.network.state_dict()[name], tensor)  # it stays as it is
    explainer = Explainer(run, device="cpu", allow="own_networks:build")
    assert explainer.interpnet.reading_size == 6 + 2 * 6 + 2  # first, both calls of relu, the probabilities
    picture = coloured_pictures / "test" / "red tile" / "3.png"
    assert explain(run, picture, device="cpu", allow="own_networks:build")[0].sentence
    with pytest.raises(SubjectError, match="to let that code run, name it again: --subject own_networks:build"):
        explain(run, picture, device="cpu")


def test_explainer_alone_on_a_saved_run(coloured_run, brief_settings, tmp_path):
    model = ModelSettings(subject=str(coloured_run), layers="hidden.0")
    run = train(tmp_path / "run", replace(brief_settings, model=model), hardware=CPU, progress=False)
    assert files(run.folder)["classifier/model.safetensors"] == files(coloured_run)["classifier/model.safetensors"]
    assert isinstance(Explainer(run, device="cpu").subject.network, ConvNet)


def test_subject_errors(own_network, quick_settings, tmp_path, coloured_run):
    weights, _ = own_network

    def attempt(**model):
        train(tmp_path / "run", replace(quick_settings, model=ModelSettings(**model)), hardware=CPU, progress=False)

    with pytest.raises(SubjectError, match="has no layer 'frist'; near names are first"):
        attempt(subject="own_networks:build", weights=str(weights), layers="frist")
    assert not (tmp_path / "run").exists()
    with pytest.raises(SubjectError, match="must return a torch.nn.Module or a whynet.Subject, not a int"):
        attempt(subject="own_networks:thing", layers="first")
    assert not (tmp_path / "run").exists()
    with pytest.raises(SubjectError, match="cannot import 'no_such_module:build'"):
        attempt(subject="no_such_module:build", layers="first")
    assert not (tmp_path / "run").exists()
    with pytest.raises(SubjectError, match="folder of a run or of a saved subject, .* not 'nothing'"):
        attempt(subject="nothing", layers="first")
    assert not (tmp_path / "run").exists()
    with pytest.raises(SubjectError, match="does not fit the network"):
        other = coloured_run / "classifier" / "model.safetensors"
        attempt(subject="own_networks:build", weights=str(other), layers="first")
    assert not (tmp_path / "run").exists()
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(RunError, match="is not a whole safetensors file"):
        attempt(subject="own_networks:build", weights=str(weights), layers="first")
    with pytest.raises(SettingError, match="--subject and --network .* need --layers"):
        ModelSettings(subject="own_networks:build")
    with pytest.raises(SettingError, match="--layers belongs to --subject or --network"):
        ModelSettings(layers="first")
    with pytest.raises(SettingError, match="variant 'interpnet9' is unknown"):
        ModelSettings(variant="interpnet9")


def damaged(run, folder, change):
    shutil.copytree(run, folder)
    change(folder)
    return folder


@pytest.mark.parametrize("part", ["classifier", "interpnet"])
def test_a_truncated_network_is_told(coloured_run, tmp_path, part, coloured_pictures):
    def cut(folder):
        path = folder / part / "model.safetensors"
        path.write_bytes(path.read_bytes()[:1000])

    folder = damaged(coloured_run, tmp_path / "run", cut)
    with pytest.raises(RunError, match=r"model\.safetensors is not a whole safetensors file"):
        explain(folder, coloured_pictures / "test" / "red tile" / "3.png", device="cpu")


def test_a_run_from_a_newer_version_is_told(coloured_run, tmp_path):
    def newer(folder):
        record = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**record, "format": 99, "whynet": "9.0"}))

    with pytest.raises(RunError, match="written by whynet 9.0, whose format 99 is newer than 1.*; update whynet"):
        Run.open(damaged(coloured_run, tmp_path / "run", newer))


def test_data_that_gained_a_class_are_refused_on_resuming(coloured_pictures, brief_settings, tmp_path, monkeypatch):
    root = shutil.copytree(coloured_pictures, tmp_path / "pictures")
    settings = replace(brief_settings, data=replace(brief_settings.data, root=str(root)))

    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ExplainerTraining, "training_step", broken)
        train(tmp_path / "run", settings, hardware=CPU, progress=False)
    for part in ("train", "validation", "test"):
        shutil.copytree(root / part / "red tile", root / part / "green tile")
    with pytest.raises(SubjectError, match="knows 2 classes .* the data have 3"):
        train(tmp_path / "run", settings, hardware=CPU, resume=True, progress=False)


def test_settings_survive_json(quick_settings):
    assert TrainSettings.from_json(json.loads(json.dumps(quick_settings.to_json()))) == quick_settings
    with pytest.raises(SettingError, match="unknown or of the wrong kind"):
        TrainSettings.from_json({**quick_settings.to_json(), "data": {"colour": 3}})
    with pytest.raises(SettingError, match="were expected, not"):
        TrainSettings.from_json({"data": {}})


def test_what_can_be_explained(coloured_run, coloured_pictures):
    path = coloured_pictures / "test" / "blue tile" / "2.png"
    with Image.open(path) as image:
        image.load()
        explained = explain(coloured_run, [path, image], device="cpu")
    assert explained[0].sentence == explained[1].sentence
    assert explained._repr_html_().count("<img") == 2
    with pytest.raises(DataError, match="at least one picture"):
        explain(coloured_run, [], device="cpu")
    with pytest.raises(DataError, match=r"not a int"):
        explain(coloured_run, [3], device="cpu")
