import torch

from pbt_gan.gan.training.stacking import first, stacked, unstacked


def member(value):
    return {
        "d": {"params": torch.full((1,), value), "moments": {"mean_filled": torch.tensor(value, dtype=torch.float64)}},
        "statistics": torch.full((4,), value),
    }


def test_a_group_is_the_same_tree_with_a_row_for_each_member():
    group = stacked([member(1.0), member(2.0)])
    assert torch.equal(group["d"]["params"], torch.tensor([[1.0], [2.0]]))
    assert torch.equal(group["d"]["moments"]["mean_filled"], torch.tensor([[1.0], [2.0]], dtype=torch.float64))
    assert torch.equal(group["statistics"], torch.tensor([[1.0] * 4, [2.0] * 4]))


def test_its_members_come_out_as_they_went_in():
    members = [member(1.0), member(2.0), member(3.0)]
    for one, other in zip(unstacked(stacked(members)), members, strict=True):
        assert torch.equal(one["statistics"], other["statistics"])
        for path in (("params",), ("moments", "mean_filled")):
            before, after = other["d"], one["d"]
            for name in path:
                before, after = before[name], after[name]
            assert before.shape == after.shape
            assert torch.equal(before, after)


def test_a_group_of_one_is_its_member_and_members_and_first_ones_are_their_group():
    one = member(1.0)
    stacked([one])["d"]["params"].fill_(5.0)
    stacked([one])["d"]["moments"]["mean_filled"].fill_(6.0)
    assert one["d"]["params"].item() == 5.0
    assert one["d"]["moments"]["mean_filled"].item() == 6.0
    group = stacked([member(1.0), member(2.0)])
    unstacked(group)[1]["d"]["moments"]["mean_filled"].fill_(7.0)
    first(group, 1)["statistics"].fill_(8.0)
    assert group["d"]["moments"]["mean_filled"].flatten().tolist() == [1.0, 7.0]
    assert group["statistics"][:, 0].tolist() == [8.0, 2.0]
