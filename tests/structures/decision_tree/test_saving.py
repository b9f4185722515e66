"""A saved tree comes back as it was; a damaged one is refused."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from whynet.base.errors import RunError, StorageError
from whynet.structures.decision_tree import saving
from whynet.structures.decision_tree.tree import DecisionTree
from whynet.structures.tree_settings import TreeSettings


@pytest.fixture
def tree():
    torch.manual_seed(0)
    return DecisionTree(
        layer="features.3", class_index=1, class_name="bird", settings=TreeSettings(sparsity=0.5),
        scales=torch.rand(3).double(), directions=torch.randn(5, 3).double(), weights=torch.randn(5, 3).double(),
        biases=torch.randn(5).double(), children=((), (), (), (0, 2), (1, 3), (4,)),
        image_names=("a.jpg", "b.jpg", "c.jpg"), network="abc",
    )  # fmt: skip


def test_a_saved_tree_comes_back(tree, tmp_path):
    tree.save(tmp_path / "new" / "tree")
    found = DecisionTree.load(tmp_path / "new" / "tree")
    assert (found.children, found.settings, found.image_names) == (tree.children, tree.settings, tree.image_names)
    assert (found.layer, found.class_index, found.class_name, found.network) == ("features.3", 1, "bird", "abc")
    for name in ("scales", "directions", "weights", "biases"):
        assert torch.equal(getattr(found, name), getattr(tree, name))
    assert found.covered(4) == (0, 1, 2)
    assert found.covered(3) == (0, 2)
    assert found.depth == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"children": [[], [], [], [0, 2], [1, 3], [3]]}, "the nodes form no tree"),
        ({"children": [[], [], [], [0, 4], [1, 2], [3]]}, "the nodes form no tree"),
        ({"children": [[], [], [0], [2], [1, 3], [4]]}, "the leaves are not the 3 images"),
        ({"children": [[0]]}, "were expected, not of"),
        ({"image_names": ["a.jpg"]}, "the leaves are not the 1 images"),
        ({"settings": {"sparsity": -1.0}}, "a finite sparsity and beta of at least 0"),
        ({"settings": {"other": 1}}, "other"),
        ({"class_index": "x"}, "invalid literal"),
    ],
)
def test_a_damaged_description_is_refused(tree, tmp_path, changes, message):
    tree.save(tmp_path)
    path = tmp_path / "tree.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(RunError, match=rf"does not hold a decision tree \(.*({message})"):
        DecisionTree.load(tmp_path)


def test_damaged_numbers_are_refused(tree, tmp_path):
    tree.save(tmp_path)
    path = tmp_path / "tree.safetensors"
    values = load_file(path)
    save_file({**values, "biases": torch.full_like(values["biases"], torch.nan)}, path)
    with pytest.raises(RunError, match="a number is not finite"):
        DecisionTree.load(tmp_path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(RunError, match="does not hold a decision tree"):
        DecisionTree.load(tmp_path)
    path.unlink()
    with pytest.raises(RunError, match="make it again with `whynet tree`"):
        DecisionTree.load(tmp_path)


def test_a_folder_that_cannot_be_made(tree, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another folder"):
        tree.save(tmp_path / "file" / "tree")


def test_numbers_are_never_read_with_the_description_of_an_earlier_tree(tree, tmp_path, monkeypatch):
    tree.save(tmp_path)

    def broken_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "write_json_atomically", broken_off)
    with pytest.raises(KeyboardInterrupt):
        tree.save(tmp_path)
    with pytest.raises(RunError, match="does not hold a decision tree"):
        DecisionTree.load(tmp_path)
