"""A network in, the x-features of its classes out: what is kept or made again, and what cannot be explained."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from whynet.base.errors import DataError, RunError, SettingError, SubjectError
from whynet.metrics.stability import matched_features
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_subject import load_subject, save_subject
from whynet.models.subject import Subject
from whynet.training.srae_settings import FitSettings, ModuleSettings
from whynet.workflows.class_folders import class_folder
from whynet.workflows.concepts import finding
from whynet.workflows.concepts.figures import faithfulness_figures, map_figures
from whynet.workflows.concepts.finding import chunks, explained_layer_name, find_concepts
from whynet.workflows.concepts.names import Suggestion
from whynet.workflows.concepts.parts import region_names, shown_parts
from whynet.workflows.concepts.request import ConceptRequest, LayerSettings
from whynet.workflows.concepts.saved import load_concepts, saved_classes
from whynet.workflows.concepts.x_features import XFeatures
from whynet.workflows.run import CLASSIFIER, CONCEPTS, Run

REQUEST = ConceptRequest(
    where=LayerSettings(seeds=2, seed=4), module=ModuleSettings(num_features=3, hidden="8-6", beta=0.1),
    fit=FitSettings(epochs=2, batch_size=8, learning_rate=5e-3),
)  # fmt: skip
NARROW = 1
"""So little memory that each class is trained by itself."""


def find(run, request=REQUEST, **more):
    return find_concepts(run, request, device="cpu", progress=False, **more)


def changed(request=REQUEST, **groups):
    return replace(request, **{name: replace(getattr(request, name), **values) for name, values in groups.items()})


def weights(run, index, painted):
    folder = class_folder(run, CONCEPTS, index, painted.subject.class_names[index])
    return load_file(folder / "model.safetensors")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def once(painted, tmp_path_factory):
    """What is found for both classes, and the folder that it was written to."""
    run = Run.create(tmp_path_factory.mktemp("once") / "run", painted.settings.to_json())
    save_subject(painted.subject, run.folder / CLASSIFIER)
    run.complete(CLASSIFIER, 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "open_data", lambda *_args, **_more: painted.splits)
        return find(run, cache=painted.cache), run.folder


@pytest.fixture
def found(once, painted_run):
    """What was found; `painted_run` holds it."""
    concepts, folder = once
    shutil.copytree(folder, painted_run.folder, dirs_exist_ok=True)
    return concepts


def assert_alike(some, others):
    """Equal up to rounding."""
    for one, other in zip(some, others, strict=True):
        assert (one.class_index, one.layer, one.map_layer) == (other.class_index, other.layer, other.map_layer)
        torch.testing.assert_close(one.module.state_dict(), other.module.state_dict(), atol=1e-4, rtol=1e-3)
        assert one.figures == pytest.approx(other.figures, abs=1e-3, rel=1e-3)
        assert [own.suggestion for own in one.concepts] == [own.suggestion for own in other.concepts]
        for mine, theirs in zip(one.concepts, other.concepts, strict=True):
            assert mine.weight == pytest.approx(theirs.weight, abs=1e-4)
            assert mine.contribution == pytest.approx(theirs.contribution, abs=1e-3)
            assert mine.stability == pytest.approx(theirs.stability, abs=1e-3)


def test_contributions_and_the_bias_add_up_to_the_logit_that_is_predicted(found, painted_run, painted):
    assert [own.class_name for own in found] == list(painted.subject.class_names)
    for index, folder in enumerate(saved_classes(painted_run)):
        own = load_concepts(folder, painted.subject)
        assert own.class_index == index
        z = painted.test.activations
        added = own.module.contributions(z).detach()
        for row, predicted in enumerate(own.module(z).tolist()):
            assert sum(added[row].tolist()) + own.module.bias == pytest.approx(predicted, abs=1e-4)
        train = own.module.contributions(painted.train.activations).detach()
        rows = [row for row, label in enumerate(painted.splits.train.labels) if label == index]
        for number, concept in enumerate(own.concepts):
            assert concept.number == number
            assert concept.weight == pytest.approx(float(own.module.readout.weight[0, number].detach()))
            assert concept.weight >= 0, "a high x-feature speaks for the class"
            assert concept.contribution == pytest.approx(float(train[rows, number].mean()), abs=1e-5)


def test_figures_are_those_of_the_kept_module(found, painted):
    train, test = painted.train, painted.test
    for own in found:
        mine = XFeatures.of_module(own.module, own.class_index)
        rows = test.rows_of(own.class_index)
        maps = mine.maps(painted.explained, test, rows)
        expected = {
            **faithfulness_figures([mine], train, ending="_train")[0], **faithfulness_figures([mine], test)[0],
            **map_figures(maps, shown_parts(painted.subject, painted.splits.test, rows)),
            "stability": sum(concept.stability for concept in own.concepts) / 3,
        }  # fmt: skip
        assert -1 <= own.figures["stability_floor"] < own.figures["stability"]
        assert own.figures == pytest.approx(expected | {"stability_floor": own.figures["stability_floor"]}, abs=1e-5)
        assert {"f_reg", "f_cls", "f_reg_train", "f_cls_train", "o1", "o2", "live", "locality"} <= set(own.figures)


def test_names_come_from_the_training_pictures_in_which_each_x_feature_is_strong(painted_run, painted, monkeypatch):
    asked = []

    def suggested(*arguments):
        asked.append(arguments)
        return Suggestion(name=f"name {len(asked)}", part="wing", precision=1.0, num_pictures=4)

    monkeypatch.setattr(finding, "suggested_name", suggested)
    (own,) = find(painted_run, changed(where={"seeds": 1, "classes": "1"}))
    assert [concept.title for concept in own.concepts] == ["name 1", "name 2", "name 3"]
    mine, train = XFeatures.of_module(own.module, 1), painted.train
    names = region_names(painted.splits.train, {"beak": "bill"})
    rows = [row for row, label in enumerate(painted.splits.train.labels) if label == 1]
    for number, (mains, claims, part_of_claim) in enumerate(asked):
        added = mine.contributions(train.activations)[:, number].tolist()
        strong = sorted(rows, key=lambda row: -added[row])[:4]
        parts = shown_parts(painted.subject, painted.splits.train, strong)
        expected = parts.main_parts(mine.maps(painted.explained, train, strong)[:, [number]], names)
        assert mains == [main for (main,) in expected]
        assert claims == [painted.splits.train[row].attributes for row in strong]
        assert part_of_claim is painted.splits.part_of_claim


def test_stability_is_the_mean_correlation_with_the_other_seeds(painted_run, painted):
    """Each seed's module alone is the one that it is among three."""
    together = find(painted_run, changed(where={"seeds": 3, "classes": "0"}))
    alone = [find(painted_run, changed(where={"seeds": 1, "seed": seed, "classes": "0"})) for seed in (4, 5, 6)]
    for index, own in enumerate(together):
        torch.testing.assert_close(own.module.state_dict(), alone[0][index].module.state_dict(), atol=1e-4, rtol=1e-3)
        z = painted.train.activations[painted.train.rows_of(index)]
        mine, *others = (one[index].module.encoder(z).detach() for one in alone)
        correlations = [matched_features(mine, other).correlations for other in others]
        for concept in own.concepts:
            expected = sum(float(found[concept.number]) for found in correlations) / 2
            assert concept.stability == pytest.approx(expected, abs=1e-3)
    assert all("stability" not in own.figures for own in alone[0])
    assert all(concept.stability is None for own in alone[0] for concept in own.concepts)


def test_the_run_says_that_it_has_concepts_and_keeps_no_checkpoints(found, painted_run):
    assert painted_run.is_complete("concepts")
    assert {path.name for path in painted_run.folder.iterdir()} == {"run.json", "classifier", "concepts"}
    assert len(saved_classes(painted_run)) == 2


def no_training(*_arguments):
    pytest.fail("a module is trained")


def test_what_was_made_just_so_is_kept(found, painted_run, monkeypatch):
    before = contents(painted_run.folder / "concepts")
    monkeypatch.setattr(finding, "train_modules", no_training)
    assert_alike(find(painted_run), found)
    (second,) = find(painted_run, changed(where={"classes": "1"}))
    assert second.class_index == 1
    assert contents(painted_run.folder / "concepts") == before


@pytest.mark.parametrize(
    "groups",
    [
        {"module": {"beta": 0.2}}, {"module": {"num_features": 2}}, {"fit": {"epochs": 1}}, {"where": {"seeds": 1}},
        {"where": {"seed": 5}}, {"where": {"map_layer": "blocks.1"}}, {"where": {"layer": "feature"}},
    ],
)  # fmt: skip
def test_what_was_made_otherwise_is_made_again(found, painted_run, painted, groups):
    before = contents(painted_run.folder / "concepts")
    (own,) = find(painted_run, changed(**{**groups, "where": {**groups.get("where", {}), "classes": "0"}}))
    after = contents(painted_run.folder / "concepts")
    different = {name for name in before if before[name] != after[name]}
    assert different
    assert all(name.startswith("0000") for name in different), "the other class was not asked for"
    kept = load_concepts(class_folder(painted_run, CONCEPTS, 0, own.class_name), painted.subject)
    assert kept.settings == own.settings
    assert (kept.layer, kept.map_layer) == (own.layer, own.map_layer)


def again(*_arguments):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("concepts.json", "{"), ("concepts.json", "[]"), ("config.json", "{}"), ("config.json", "{"),
        ("model.safetensors", "none"), ("concepts.json", None),
    ],
)  # fmt: skip
def test_what_is_damaged_is_made_again(found, painted_run, painted, monkeypatch, name, text):
    path = class_folder(painted_run, CONCEPTS, 0, painted.subject.class_names[0]) / name
    path.unlink() if text is None else path.write_text(text)
    monkeypatch.setattr(finding, "train_modules", again)
    with pytest.raises(KeyboardInterrupt):
        find(painted_run)
    assert len(find(painted_run, changed(where={"classes": "1"}))) == 1, "the other class is whole"


def test_what_was_mapped_at_another_layer_is_made_again(found, painted_run, painted, monkeypatch):
    """The default may have become another, which the settings do not tell."""
    path = class_folder(painted_run, CONCEPTS, 0, painted.subject.class_names[0]) / "concepts.json"
    path.write_text(path.read_text().replace('"blocks.0.2"', '"blocks.0"'))
    monkeypatch.setattr(finding, "train_modules", again)
    with pytest.raises(KeyboardInterrupt):
        find(painted_run)


def test_a_damaged_class_is_whole_again_afterwards(found, painted_run, painted):
    folder = class_folder(painted_run, CONCEPTS, 0, painted.subject.class_names[0])
    (folder / "concepts.json").write_text("{")
    assert_alike(find(painted_run), found)
    assert_alike([load_concepts(folder, painted.subject)], found[:1])


def test_concepts_of_another_network_are_made_again(found, painted_run, monkeypatch):
    with_weights(painted_run, lambda network: network.output.bias.add_(0.5))
    monkeypatch.setattr(finding, "train_modules", again)
    with pytest.raises(KeyboardInterrupt):
        find(painted_run)


@pytest.mark.parametrize("part", ["train", "test"])
def test_concepts_of_other_pictures_are_made_again(found, painted_run, painted, monkeypatch, part):
    examples = getattr(painted.splits, part)
    fewer = examples.subset(range(1, len(examples)))
    monkeypatch.setattr(finding, "open_data", lambda *_args, **_more: replace(painted.splits, **{part: fewer}))
    monkeypatch.setattr(finding, "train_modules", again)
    with pytest.raises(KeyboardInterrupt):
        find(painted_run)


def test_checkpoints_of_another_network_are_not_gone_on_with(painted_run, monkeypatch):
    """Broken off before anything was saved; then the network is another."""

    def breaking(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(finding, "save_concepts", breaking)
        find(painted_run)
    with_weights(painted_run, lambda network: network.output.weight.mul_(2))
    first, _ = find(painted_run)
    shutil.rmtree(painted_run.folder / "concepts")
    assert_alike(find(painted_run)[:1], [first])


@pytest.mark.parametrize(
    ("where", "memory_bytes"),
    [("train_modules", NARROW), ("train_modules", finding.MEMORY_BYTES), ("save_concepts", finding.MEMORY_BYTES)],
)
def test_broken_off_it_goes_on_where_it_stopped(once, painted_run, painted, monkeypatch, where, memory_bytes):
    whole, _ = once
    original, calls = getattr(finding, where), []

    def breaking(*arguments):
        calls.append(arguments)
        if len(calls) == (2 if where == "save_concepts" or memory_bytes > NARROW else 3):  # class by class: two seeds
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(finding, where, breaking)
        find(painted_run, memory_bytes=memory_bytes)
    finished = saved_classes(painted_run)
    assert len(finished) == (0 if where == "train_modules" and memory_bytes > NARROW else 1)
    states = {path: path.stat().st_mtime_ns for folder in finished for path in folder.iterdir()}
    wanted = []

    def counted(activations, some, *more):
        wanted.extend(one.name for one in some)
        return original_training(activations, some, *more)

    original_training = finding.train_modules
    monkeypatch.setattr(finding, "train_modules", counted)
    assert_alike(find(painted_run, memory_bytes=memory_bytes), whole)
    assert {path: path.stat().st_mtime_ns for path in states} == states, "what was finished is as it was"
    missing = painted.subject.class_names[len(finished) :]
    assert sorted(set(wanted)) == sorted(missing)
    assert len(saved_classes(painted_run)) == 2
    assert not (painted_run.folder / "checkpoints").exists()


def test_class_by_class_is_as_all_at_once(once, painted_run, monkeypatch):
    train_modules, sizes = finding.train_modules, []

    def counted(activations, wanted, *more):
        sizes.append(len(wanted))
        return train_modules(activations, wanted, *more)

    monkeypatch.setattr(finding, "train_modules", counted)
    assert_alike(find(painted_run, memory_bytes=NARROW), once[0])
    assert sizes == [1, 1, 1, 1]


def test_chunks_hold_as_many_classes_as_fit():
    sizes = [chunks(range(10), 500, REQUEST, bytes_) for bytes_ in (1, 10**6, 10**7, 10**9)]
    assert sizes[0] == [[index] for index in range(10)]
    assert sizes[3] == [list(range(10))]
    for own in sizes:
        assert [index for chunk in own for index in chunk] == list(range(10))
    assert len(sizes[1]) > len(sizes[2]) >= len(sizes[3])
    assert len(chunks(range(10), 5000, REQUEST, 10**7)) > len(sizes[2]), "a longer Z takes more"
    mirrored = changed(module={"hidden": "800-100", "mirrored": True})
    plain = changed(module={"hidden": "800-100"})
    assert len(chunks(range(90), 500, mirrored, 10**9)) > len(chunks(range(90), 500, plain, 10**9)), "its decoder too"


def nothing_was_made(run):
    return not (run.folder / "concepts").exists() and not (run.folder / "checkpoints").exists()


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"where": {"classes": "owl"}}, SettingError, "no class 'owl'"),
        ({"where": {"classes": "0,7"}}, SettingError, "has classes 0 to 1, not 7"),
        ({"where": {"classes": " , "}}, SettingError, "classes by name or number, or all, were expected"),
        ({"where": {"layer": "hidden.9"}}, SubjectError, r"no layer 'hidden\.9'"),
        ({"where": {"map_layer": "block"}}, SubjectError, "no layer 'block'"),
        ({"where": {"map_layer": "feature"}}, SubjectError, "'feature' has no maps"),
        ({"where": {"layer": "blocks.0", "map_layer": "blocks.1"}}, SubjectError, r"'network\.blocks\.1' did not run"),
        ({"module": {"num_features": 13}}, SettingError, "13 x-features of a layer of 12 entries explain nothing"),
    ],
)
def test_what_does_not_exist_is_told_before_anything_is_trained(painted_run, monkeypatch, groups, error, message):
    monkeypatch.setattr(finding, "train_modules", no_training)
    with pytest.raises(error, match=message):
        find(painted_run, changed(**groups))
    assert nothing_was_made(painted_run)


def with_weights(run, change):
    """The run's classifier with other weights."""
    subject = load_subject(run.folder / CLASSIFIER)
    with torch.no_grad():
        change(subject.network)
    save_subject(subject, run.folder / CLASSIFIER)


def test_a_dead_layer_is_told_before_anything_is_trained(painted_run, monkeypatch):
    monkeypatch.setattr(finding, "train_modules", no_training)
    with_weights(painted_run, lambda network: network.hidden[0][0].bias.fill_(-1e4))
    with pytest.raises(SubjectError, match=r"layer 'hidden\.0' is 0 in all 20 pictures"):
        find(painted_run)
    assert nothing_was_made(painted_run)


def test_a_constant_logit_is_told_before_anything_is_trained(painted_run, painted, monkeypatch):
    monkeypatch.setattr(finding, "train_modules", no_training)
    with_weights(painted_run, lambda network: network.output.weight[1].zero_())
    with pytest.raises(DataError, match=rf"{painted.subject.class_names[1]}: its logit is .* in every image"):
        find(painted_run)
    assert nothing_was_made(painted_run)


def test_a_class_of_one_picture_is_told_before_anything_is_trained(painted_run, painted, monkeypatch):
    rows = [*painted.train.rows_of(0), painted.train.rows_of(1)[0]]
    few = replace(painted.splits, train=painted.splits.train.subset(rows))
    monkeypatch.setattr(finding, "open_data", lambda *_args, **_more: few)
    monkeypatch.setattr(finding, "train_modules", no_training)
    with pytest.raises(DataError, match=rf"{painted.subject.class_names[1]}: at least 2 training .* not 1 and 10"):
        find(painted_run)
    assert nothing_was_made(painted_run)


def test_a_class_without_test_pictures_has_no_figures_of_maps(painted_run, painted, monkeypatch):
    rows = painted.test.rows_of(0)
    some = replace(painted.splits, test=painted.splits.test.subset(rows))
    monkeypatch.setattr(finding, "open_data", lambda *_args, **_more: some)
    first, second = find(painted_run)
    assert "o1" in first.figures
    assert set(second.figures) == {"f_reg", "f_cls", "f_reg_train", "f_cls_train", "stability", "stability_floor"}


def test_a_run_without_a_classifier_is_told(tmp_path):
    run = Run.create(tmp_path / "run", {})
    with pytest.raises(RunError, match="has no trained classifier yet; go on with `whynet train --out .* --resume`"):
        find(run)
    assert nothing_was_made(run)


def test_data_of_other_classes_are_told(painted_run, painted, monkeypatch):
    other = painted.splits.train.subset(range(20))
    other.class_names = ("Owl", "Jay")
    monkeypatch.setattr(finding, "open_data", lambda *_args, **_more: replace(painted.splits, train=other))
    with pytest.raises(SubjectError, match=r"knows 2 classes .* the data have 2 \(Owl, Jay"):
        find(painted_run)
    assert nothing_was_made(painted_run)


def test_a_network_that_is_not_ours_needs_a_layer():
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    plain = Preprocessing(height=8, width=8)
    other = Subject(network, class_names=("a", "b"), preprocess=plain, name="net")
    with pytest.raises(SubjectError, match="--layer is needed: which layer of net .* its layers are 0, 1, 2"):
        explained_layer_name(other, None)
    assert explained_layer_name(other, "1") == "1"
    ours = Subject(ConvNet(2, widths=(4,), hidden=(5,)), class_names=("a", "b"), preprocess=plain)
    assert explained_layer_name(ours, None) == "hidden.0"


def test_what_is_kept_beside_the_concepts_are_the_settings_but_for_the_classes(found, painted_run):
    (description, _) = (json.loads((folder / "concepts.json").read_text()) for folder in saved_classes(painted_run))
    assert description["settings"]["module"]["num_features"] == 3
    assert description["settings"]["where"] == {"layer": None, "map_layer": None, "seeds": 2, "seed": 4}
