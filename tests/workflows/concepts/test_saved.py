"""The folders of concepts: what was written comes back, nothing is half-written, and what is damaged is told."""

import json
import math
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from whynet.base.errors import RunError, StorageError
from whynet.models.convnet import ConvNet
from whynet.models.preprocessing import Preprocessing
from whynet.models.saved_network import save_network
from whynet.models.srae import ExplanationModule
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.workflows.class_folders import class_folder
from whynet.workflows.concepts import saved
from whynet.workflows.concepts.names import Suggestion
from whynet.workflows.concepts.request import ConceptRequest
from whynet.workflows.concepts.saved import (
    ClassConcepts,
    Concept,
    load_concepts,
    save_concepts,
    saved_classes,
)
from whynet.workflows.run import CONCEPTS, Run

"""Names of classes and the folders that they get."""
FIGURES = {"f_cls": 0.75, "f_reg": 0.1, "o1": 1 / 3}


def subject_of(*class_names, seed=0):
    torch.manual_seed(seed)
    network = ConvNet(len(class_names), widths=(4,), hidden=(6,))
    return Subject(network, class_names=class_names, preprocess=Preprocessing(height=16, width=16), name="net")


def concepts_of(index=1, name="jay", seed=0):
    torch.manual_seed(seed)
    suggestion = Suggestion(name="rote Flügel", part="wing", precision=0.75, num_pictures=4)
    return ClassConcepts(
        class_index=index, class_name=name, layer="hidden.0", map_layer="blocks.0", data="pictures",
        module=ExplanationModule(6, num_features=3, hidden=(5, 4), mirrored=True).eval(),
        concepts=(
            Concept(number=0, weight=0.5, contribution=1 / 3, suggestion=suggestion, stability=0.9),
            Concept(number=1, weight=0.25, contribution=-0.125, name='a "person\'s" name', stability=-0.1),
            Concept(number=2, weight=0.0, contribution=0.0),
        ),
        figures=FIGURES, settings=ConceptRequest().to_json(),
    )  # fmt: skip


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", {})


@pytest.fixture
def subject():
    return subject_of("owl", "jay")


@pytest.fixture
def folder(run, subject):
    """Where the concepts of a jay were written."""
    own = concepts_of()
    save_concepts(run, subject, own)
    return class_folder(run, CONCEPTS, 1, "jay")


def contents(run):
    """All that lies under concepts/, hidden files too, with what is in the files."""
    root = run.folder / "concepts"
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


def test_what_was_written_comes_back(folder, run, subject):
    own, found = concepts_of(), load_concepts(folder, subject)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "concepts.json"}
    plain = ("class_index", "class_name", "layer", "map_layer", "data", "concepts", "figures", "settings")
    assert [getattr(found, name) for name in plain] == [getattr(own, name) for name in plain]
    assert found.settings == ConceptRequest().to_json(), "so that what was made just so is known again"
    z = torch.rand(4, 6)
    torch.testing.assert_close(found.module(z), own.module(z), atol=0, rtol=0)
    torch.testing.assert_close(
        found.module.decoder(found.module.encoder(z)), own.module.decoder(own.module.encoder(z)), atol=0, rtol=0
    )
    assert not found.module.training
    assert saved_classes(run) == saved_classes(run, 1) == [folder]
    assert sorted(contents(run)) == [
        "0001-jay", "0001-jay/concepts.json", "0001-jay/config.json", "0001-jay/model.safetensors",
    ]  # fmt: skip


def test_a_class_is_found_by_its_number_and_under_any_other_name_too(folder, run, subject):
    save_concepts(run, subject, concepts_of(0, "owl"))
    owl = class_folder(run, CONCEPTS, 0, "owl")
    assert saved_classes(run, 1) == [folder]
    assert saved_classes(run, 0) == [owl]
    renamed = owl.rename(owl.with_name("owl"))
    assert saved_classes(run, 0) == saved_classes(run) == [folder, renamed]


def test_titles_are_a_persons_then_the_suggestions_then_a_number():
    suggested, told, bare = concepts_of().concepts
    assert [one.title for one in (suggested, told, bare)] == ["rote Flügel", 'a "person\'s" name', "x-feature 3"]
    assert [one.is_named for one in (suggested, told, bare)] == [True, True, False]
    assert replace(suggested, name="wing").title == "wing", "a person's name is told before the suggestion"


def test_written_again_the_new_ones_take_the_place_of_the_old(folder, run, subject):
    other = concepts_of(seed=1)
    names = ["one", "two", "three"]
    concepts = tuple(replace(own, name=name) for own, name in zip(other.concepts, names, strict=True))
    other = replace(other, concepts=concepts)
    save_concepts(run, subject, other)
    found = load_concepts(folder, subject)
    assert [one.name for one in found.concepts] == names
    torch.testing.assert_close(found.module.state_dict(), other.module.state_dict())
    assert len(contents(run)) == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt, StorageError("no space"), OSError(28, "no space left")])
def test_broken_off_the_old_ones_are_still_whole(folder, run, subject, error, monkeypatch):
    before = contents(run)

    def breaking(network, place):
        save_network(network, place)
        (place / "config.json").unlink()
        raise error

    monkeypatch.setattr(saved, "save_network", breaking)
    expected = StorageError if isinstance(error, OSError) else error if isinstance(error, type) else type(error)
    with pytest.raises(expected):
        save_concepts(run, subject, concepts_of(seed=1))
    with pytest.raises(expected):
        save_concepts(run, subject, concepts_of(index=0, name="owl"))
    assert contents(run) == before
    assert load_concepts(folder, subject).class_name == "jay"


def test_figures_that_are_no_numbers_are_refused_and_nothing_is_written(run, subject):
    with pytest.raises(StorageError, match="JSON holds finite numbers only"):
        save_concepts(run, subject, replace(concepts_of(), figures={"o1": math.nan}))
    assert contents(run) == {}


def test_a_place_that_cannot_be_written_is_one_sentence(run, subject):
    (run.folder / "concepts").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*0001-jay .*; free space or choose another folder"):
        save_concepts(run, subject, concepts_of())


def test_what_a_killed_process_left_is_not_taken_for_concepts(folder, run):
    shutil.copytree(folder, folder.parent / ".writing-abc" / "made")
    shutil.copytree(folder, folder.parent / ".writing-def")
    assert saved_classes(run) == [folder]


def test_classes_whose_names_look_alike_have_folders_of_their_own(run):
    names = ("é", "e", "E!", "")
    subject = subject_of(*names)
    for index, name in enumerate(names):
        save_concepts(run, subject, concepts_of(index=index, name=name))
    assert [load_concepts(folder, subject).class_name for folder in saved_classes(run)] == list(names)


def test_concepts_of_another_network_are_refused(folder, subject):
    other = subject_of("owl", "jay", seed=1)
    with pytest.raises(RunError, match="was made for another network than net: its weights differ; make .* again"):
        load_concepts(folder, other)
    with pytest.raises(RunError, match="another network"):
        load_concepts(folder, subject, fingerprint=weights_fingerprint(other.network))
    assert load_concepts(folder, subject, fingerprint=weights_fingerprint(subject.network)).class_name == "jay"


def changed(folder, **changes):
    path = folder / "concepts.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_concepts_of_another_class_are_refused(folder, run, subject):
    with pytest.raises(RunError, match="class 1 is not jay"):
        load_concepts(folder, subject_of("jay", "owl"))
    changed(folder, class_index=7)
    with pytest.raises(RunError, match="class 7 is not jay"):
        load_concepts(folder, subject)


def test_more_concepts_than_x_features_are_refused(folder, subject):
    concepts = json.loads((folder / "concepts.json").read_text())["concepts"]
    changed(folder, concepts=[*concepts, {**concepts[0], "number": 3}])
    with pytest.raises(RunError, match="4 concepts for 3 x-features"):
        load_concepts(folder, subject)
    changed(folder, concepts=concepts[:2])
    with pytest.raises(RunError, match="2 concepts for 3 x-features"):
        load_concepts(folder, subject)
    changed(folder, concepts=[concepts[0], concepts[1], {**concepts[2], "number": 3}])
    with pytest.raises(RunError, match=r"3 concepts are numbered \[0, 1, 3\]"):
        load_concepts(folder, subject)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "{}", '{"concepts": NaN}', "\x00", '{"a": "\ud800"}'])
def test_a_description_that_is_none_is_one_sentence(folder, subject, text):
    (folder / "concepts.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(RunError, match=r"concepts\.json .*make them again with `whynet concepts`"):
        load_concepts(folder, subject)


@pytest.mark.parametrize(
    "changes",
    [
        {"concepts": 3}, {"concepts": [3, 4, 5]}, {"concepts": [{"number": 0, "beak": 1}] * 3}, {"figures": [1]},
        {"figures": {"o1": "high"}}, {"settings": 3}, {"class_index": "one"}, {"class_index": None},
    ],
)  # fmt: skip
def test_a_description_of_another_form_is_one_sentence(folder, subject, changes):
    changed(folder, **changes)
    with pytest.raises(RunError, match=r"(?s)concepts\.json .*make them again with `whynet concepts`"):
        load_concepts(folder, subject)


@pytest.mark.parametrize("name", ["concepts.json", "config.json", "model.safetensors"])
def test_a_file_that_is_absent_or_damaged_is_one_sentence(folder, subject, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="again"):
        load_concepts(folder, subject)
    (folder / name).unlink()
    with pytest.raises(RunError, match="again"):
        load_concepts(folder, subject)


def test_weights_of_another_module_are_one_sentence(folder, subject):
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight[..., :2].contiguous() for name, weight in weights.items()}, folder / "model.safetensors")
    with pytest.raises(RunError, match="does not fit the network"):
        load_concepts(folder, subject)
