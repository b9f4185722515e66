import torch

from whynet.training.sampling import EpochSampler


def test_sampler_draws_each_epoch_from_the_seed_and_its_number():
    groups = torch.tensor([0] * 5 + [1] * 2 + [2] * 9)
    sampler = EpochSampler(groups, per_group=3, seed=0)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert epochs[0] == epochs[2] != epochs[1]
    for order in epochs:
        assert len(set(order)) == len(order) == len(sampler) == 3 + 2 + 3
        assert groups[order].bincount().tolist() == [3, 2, 3]
    assert sorted(EpochSampler(groups, per_group=None, seed=0)) == list(range(16))
