"""A fitted tree: paths, exactness at the fitted images, and what is refused."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from whynet.base.errors import SettingError, SubjectError, UnrecognisedError
from whynet.models.preprocessing import Preprocessing
from whynet.models.subject import Subject
from whynet.models.weights_fingerprint import weights_fingerprint
from whynet.structures.decision_tree.fidelity import fidelity
from whynet.structures.decision_tree.fitting import fit_decision_tree
from whynet.structures.decision_tree.node_fit import unit
from whynet.structures.tree_settings import TreeSettings


def network(seed=0):
    torch.manual_seed(seed)
    made = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 9, 12), nn.ReLU(), nn.Linear(12, 3)
    ).eval()
    with torch.no_grad():
        made[5].bias -= made(torch.randn(500, 3, 8, 8)).mean(0)  # so that no class wins always
    return made


@pytest.fixture(scope="module")
def subject():
    return Subject(network(), class_names=("a", "b", "c"), preprocess=Preprocessing(height=8, width=8))


@pytest.fixture(scope="module")
def images(subject):
    """Of which the network puts some into each class."""
    found = torch.randn(60, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    assert len(subject.logits(found).argmax(1).unique()) > 1
    return found


@pytest.fixture(scope="module")
def target(subject, images):
    return int(subject.logits(images).argmax(1).mode().values)


@pytest.fixture(scope="module", params=["direction", "likelihood"])
def tree(request, subject, images, target):
    return fit_decision_tree(subject, "1", images, target, settings=TreeSettings(growth=request.param))


def test_only_images_that_the_network_puts_into_the_class_are_fitted(tree, subject, images, target):
    kept = (subject.logits(images).argmax(1) == target).nonzero()[:, 0].tolist()
    assert tree.image_names == tuple(str(row) for row in kept)
    assert tree.class_name == "abc"[target]
    assert tree.covered(tree.root) == tuple(range(len(kept)))
    assert len(tree.children) == len(tree.weights) + 1


def test_at_the_leaf_of_a_fitted_image_the_tree_is_exact(tree, subject, images, target):
    kept = [int(name) for name in tree.image_names]
    logits = subject.logits(images)
    exact = 0
    for leaf, (row, path) in enumerate(zip(kept, tree.parse(subject, images[kept]), strict=True)):
        assert path.output == pytest.approx(float(logits[row, target]))
        if path.nodes[-1] == leaf:
            exact += 1
            assert float(path.predictions[-1]) == pytest.approx(path.output, abs=1e-5)
            torch.testing.assert_close(path.contributions[-1], path.actual)
    assert exact > len(kept) / 4


def test_a_path_goes_down_by_the_nearest_child(tree, subject, images):
    for path in tree.parse(subject, images[:10]):
        x_weights = tree.weights[list(path.nodes)]
        assert path.nodes[0] in tree.children[tree.root]
        for above, below in zip(path.nodes, path.nodes[1:], strict=False):
            assert below in tree.children[above]
        assert not tree.children[path.nodes[-1]]
        assert path.contributions.shape == x_weights.shape
        torch.testing.assert_close(path.predictions, path.contributions.sum(1) + tree.biases[list(path.nodes)])


def test_each_node_but_the_leaves_predicts_the_mean_of_what_it_covers(tree, subject, images, target):
    kept = [int(name) for name in tree.image_names]
    outputs = subject.logits(images[kept])[:, target].double()
    x = torch.stack([path.actual for path in tree.parse(subject, images[kept])])
    assert x.shape == (len(kept), 6)
    for node in range(len(kept), tree.root):
        covered = list(tree.covered(node))
        assert set(covered) == {leaf for child in tree.children[node] for leaf in tree.covered(child)}
        assert unit(tree.directions[node].numpy()) == pytest.approx(tree.directions[node].numpy())
        assert outputs[covered].mean().isfinite()


def test_layers_are_counted_from_the_root(tree, subject, images):
    path = tree.parse(subject, images[:1])[0]
    assert path.place(2) == path.place(1) == 0
    assert path.place(None) == path.place(10_000) == len(path.nodes) - 1
    assert len(path.nodes) + 1 <= tree.depth


def test_the_same_call_gives_the_same_tree_and_leaves_the_network_as_it_was(subject, images, target):
    before = {key: value.clone() for key, value in subject.network.state_dict().items()}
    one, two = (fit_decision_tree(subject, "1", images, target) for _ in range(2))
    assert one.children == two.children
    assert torch.equal(one.weights, two.weights)
    assert all(torch.equal(value, before[key]) for key, value in subject.network.state_dict().items())
    assert not subject.network.training


def test_batches_of_any_size_give_the_same_tree(subject, images, target):
    one = fit_decision_tree(subject, "1", images, target)
    two = fit_decision_tree(subject, "1", [images[:7], images[7:]], target)
    assert one.children == two.children
    torch.testing.assert_close(one.weights, two.weights, atol=1e-6, rtol=1e-4)


def test_one_image_is_a_tree_of_one_leaf_that_is_exact_and_parses_any_other(subject, images, target):
    row = _first(subject, images, target)
    own = fit_decision_tree(subject, "1", images[row : row + 1], target, names=["first.jpg"])
    assert own.children == ((), (0,))
    assert own.image_names == ("first.jpg",)
    assert (own.depth, own.has_one_mode) == (2, False)
    assert {path.nodes for path in own.parse(subject, images[:5])} == {(0,)}
    (explained,) = own.explain(subject, images[row : row + 1])
    assert explained.faithfulness["tree_logit"] == pytest.approx(explained.faithfulness["logit"], abs=1e-5)
    assert explained.faithfulness["tree_fitness"] == pytest.approx(1)


@pytest.mark.parametrize("growth", ["direction", "likelihood"])
def test_duplicates_of_an_image_are_one_mode_that_is_exact_at_each_node(subject, images, target, growth):
    row = _first(subject, images, target)
    same = images[row : row + 1].expand(5, -1, -1, -1)
    own = fit_decision_tree(subject, "1", same, target, settings=TreeSettings(growth=growth))
    assert own.has_one_mode
    assert own.covered(own.root) == tuple(range(5))
    paths = own.parse(subject, same)
    assert len({path.nodes for path in paths}) == 1
    for path in paths:
        assert path.predictions.tolist() == pytest.approx([path.output] * len(path.nodes), abs=1e-5)
    measured = fidelity(paths, target, None)
    assert (measured.relative_error, measured.accuracy) == (None, 1)
    assert measured.fitness == pytest.approx(1)


def test_an_image_whose_logit_owes_nothing_to_the_layer_is_told_and_has_no_fitness(subject, images, target, caplog):
    own = fit_decision_tree(subject, "1", images, target)
    still = Subject(copy.deepcopy(subject.network), class_names=subject.class_names, preprocess=subject.preprocess)
    with torch.no_grad():
        still.network[3].bias -= 1e6  # nothing behind the layer fires
    own = replace(own, network=weights_fingerprint(still.network))
    (explained,) = own.explain(still, images[:1])
    (path,) = own.parse(still, images[:1])
    assert not path.actual.any()
    assert path.nodes[0] == own.children[own.root][0]
    assert all(own.children[above][0] == below for above, below in itertools.pairwise(path.nodes))
    assert explained.faithfulness["tree_fitness"] == 0
    assert f"the logit of {own.class_name} does not depend on layer 1 in 1 of 1 images" in caplog.text
    with pytest.raises(SubjectError, match="does not depend on layer '1' in any of"):
        fit_decision_tree(still, "1", images, int(still.logits(images)[0].argmax()))


def test_a_network_that_changed_since_fitting_is_refused_in_every_way(subject, images, target):
    changed = Subject(copy.deepcopy(subject.network), class_names=subject.class_names, preprocess=subject.preprocess)
    own = fit_decision_tree(changed, "1", images, target)
    own.parse(changed, images[:1])
    with torch.no_grad():
        changed.network[5].bias[0] += 1e-3
    for use in (own.parse, own.read, own.explain):
        with pytest.raises(SubjectError, match=r"the tree of . was fitted to another network .* fit it again"):
            use(changed, images[:1])
    with pytest.raises(SubjectError, match="its weights differ"):
        own.check(changed)


def _first(subject, images, target):
    """The first image that the network puts into the class."""
    return int((subject.logits(images).argmax(1) == target).nonzero()[0])


def test_images_of_another_class_alone_are_refused(subject, images, target):
    others = images[subject.logits(images).argmax(1) != target]
    with pytest.raises(UnrecognisedError, match=f"the network puts none of {len(others)} images into"):
        fit_decision_tree(subject, "1", others, target)


def test_names_must_be_as_many_as_the_images(subject, images, target):
    with pytest.raises(SettingError, match="one name for each of 60 images was expected, not 1"):
        fit_decision_tree(subject, "1", images, target, names=["x"])


def test_another_network_is_refused(tree, images):
    other = Subject(network(1), class_names=("a", "b", "c"), preprocess=Preprocessing(height=8, width=8))
    with pytest.raises(SubjectError, match="was fitted to another network than network: its weights differ"):
        tree.parse(other, images)


def test_explanations_add_up_to_what_the_node_predicts(tree, subject, images):
    parts = {"head": [0, 2], "leg": [5], "none": []}
    for level in (2, 4, None):
        found = tree.explain(subject, images[:6], level=level, parts=parts, names=list("abcdef"))
        paths = tree.parse(subject, images[:6])
        for explanation, path in zip(found, paths, strict=True):
            place = path.place(level)
            bias = float(tree.biases[path.nodes[place]])
            total = sum(reason.weight for reason in explanation.reasons)
            assert total + bias == pytest.approx(explanation.faithfulness["tree_logit"], abs=1e-5)
            assert explanation.faithfulness["logit"] == path.output
            for reason in explanation.reasons:
                own = parts.get(reason.name) or [int(reason.name.removeprefix("filter "))]
                assert reason.is_named == (reason.name in parts)
                assert reason.weight == pytest.approx(float(path.contributions[place][own].sum()), abs=1e-6)
                assert reason.heat_map.shape == (3, 3)
                assert float(reason.heat_map.sum()) == pytest.approx(reason.weight, abs=1e-5)
            weights = [abs(reason.weight) for reason in explanation.reasons]
            assert weights == sorted(weights, reverse=True)
    assert [one.image_name for one in found] == list("abcdef")


def test_an_explanation_needs_one_name_for_each_image(tree, subject, images):
    with pytest.raises(SettingError, match="one name for each of 2 images was expected, not 1"):
        tree.explain(subject, images[:2], names=["a"])


def test_a_path_keeps_nothing_that_grows_with_the_layers_of_the_tree_but_numbers(tree, subject, images):
    """In a chain of a thousand nodes what all filters add at all of them would be a thousand times what is read."""
    for path in tree.parse(subject, images[:5]):
        assert path.weights is tree.weights
        own = [value.numel() for value in vars(path).values() if isinstance(value, torch.Tensor)]
        assert sum(own) - tree.weights.numel() == len(path.nodes) + 6 + 6 + 3
        for level in (2, 3, 5, None):
            assert torch.equal(path.contributions_at(level), path.contributions[path.place(level)])
            assert torch.equal(
                path.contributions_at(level), tree.weights[path.nodes[path.place(level)]] * path.activations
            )
