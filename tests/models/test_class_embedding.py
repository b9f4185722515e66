import pytest
import torch

from whynet.base.errors import SettingError
from whynet.models.class_embedding import ClassEmbedding
from whynet.models.saved_network import load_network, save_network


def filled():
    embedding = ClassEmbedding(3, 2)
    embedding.vectors.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    return embedding


def test_each_reading_is_followed_by_its_classs_vector():
    joined = filled()(torch.tensor([[7.0], [8.0], [9.0]]), torch.tensor([2, 0, 2]))
    assert joined.tolist() == [[7, 5, 6], [8, 1, 2], [9, 5, 6]]


def test_the_vectors_are_saved_and_are_no_parameters(tmp_path):
    save_network(filled(), tmp_path)
    assert torch.equal(load_network(ClassEmbedding, tmp_path).vectors, filled().vectors)
    assert list(filled().parameters()) == []


@pytest.mark.parametrize("wrong", [-1, 3])
def test_errors(wrong):
    with pytest.raises(SettingError, match=f"classes from 0 to 2 were expected, not {wrong}; use the embedding"):
        filled()(torch.zeros(2, 1), torch.tensor([1, wrong]))
    with pytest.raises(SettingError, match="one class and a size of at least 1 were expected, not 0 and 2"):
        ClassEmbedding(0, 2)
