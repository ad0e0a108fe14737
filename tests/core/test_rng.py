from pbt_gan.core.rng import stream


def numbers(*purpose):
    return tuple(stream(*purpose).integers(2**63, size=4))


def test_equal_purposes_give_equal_numbers():
    assert numbers(1, "train", 3, 4, 0) == numbers(1, "train", 3, 4, 0)


def test_every_part_of_a_purpose_counts():
    purposes = [(0,), (1,), (0, "train"), (0, "eval"), (0, "train", 1), (0, "train", 1, 2), (0, "train", 2, 1)]
    assert len({numbers(*purpose) for purpose in purposes}) == len(purposes)


def test_a_stream_is_the_same_on_every_machine():
    assert stream(0, "explore", 3, 1).bit_generator.random_raw() == 17761957681969048279
