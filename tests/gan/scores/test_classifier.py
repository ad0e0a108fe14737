"""The classifier learns, repeats itself bit for bit, and leaves the global random state alone."""

import numpy as np
import pytest
import torch

from pbt_gan.gan.scores.classifier import FEATURES, Classifier, load_classifier, train_classifier

COUNT = 200


def bars(size: int = 8, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright bar, lying (0) or standing (1)."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (COUNT, size, size, channels), dtype=np.uint8)
    labels = np.arange(COUNT) % 2
    images[labels == 0, size // 2] = 255
    images[labels == 1, :, size // 2] = 255
    return images, labels


def accuracy(weights, images, labels):
    classifier = load_classifier(weights, size=images.shape[1], channels=images.shape[3], classes=2, width=4)
    _, probabilities = classifier.measure(torch.from_numpy(images))
    return (probabilities.argmax(1).numpy() == labels).mean()


def test_it_learns_what_it_is_shown_and_tells_how_far_it_is(caplog):
    caplog.set_level("INFO")
    images, labels = bars()
    weights = train_classifier(images[:150], labels[:150], 2, width=4, seed=0, steps=40)
    assert accuracy(weights, images[150:], labels[150:]) > 0.9
    assert "step 40 of 40" in caplog.text


def test_it_trains_alike_on_any_number_of_threads_and_gives_them_back():
    weights, threads = [], torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            weights.append(train_classifier(*bars(28), 2, width=4, seed=0, steps=2))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    one, two = weights
    assert all((one[name] == two[name]).all() for name in one)


def test_equal_arguments_give_equal_bits_and_another_seed_gives_others():
    one, again, other = (train_classifier(*bars(), 2, width=4, seed=seed, steps=3) for seed in (0, 0, 1))
    assert all((one[name] == again[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def test_training_and_loading_leave_the_global_random_state_alone():
    before = torch.get_rng_state()
    weights = train_classifier(*bars(), 2, width=4, seed=0, steps=1)
    load_classifier(weights, size=8, channels=1, classes=2, width=4)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("size", [4, 8, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_and_colour_have_features_and_probabilities(size, channels):
    classifier = Classifier(size, channels, classes=5, width=4)
    images = torch.zeros(7, size, size, channels, dtype=torch.uint8)
    features, probabilities = classifier.measure(images)
    assert features.shape == (7, FEATURES)
    assert probabilities.shape == (7, 5)
    assert probabilities.sum(1).numpy() == pytest.approx(1)


def test_a_loaded_classifier_sees_what_the_trained_one_does_and_leaves_its_weights_alone():
    images, labels = bars()
    weights = train_classifier(images, labels, 2, width=4, seed=0, steps=30)
    kept = {name: array.copy() for name, array in weights.items()}
    trained = Classifier(8, 1, classes=2, width=4)
    trained.load_state_dict({name: torch.from_numpy(array) for name, array in kept.items()})
    loaded = load_classifier(weights, size=8, channels=1, classes=2, width=4)
    for seen, expected in zip(
        loaded.measure(torch.from_numpy(images)), trained.measure(torch.from_numpy(images)), strict=True
    ):
        torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-5)
    assert all((weights[name] == kept[name]).all() for name in kept)


def test_a_loaded_classifier_measures_like_the_trained_one_in_any_batches():
    images, labels = bars()
    weights = train_classifier(images, labels, 2, width=4, seed=0, steps=3)
    classifier = load_classifier(weights, size=8, channels=1, classes=2, width=4)
    features, probabilities = classifier.measure(torch.from_numpy(images))
    parts, _ = classifier.measure(torch.from_numpy(images), batch=17)
    torch.testing.assert_close(features, parts)
    assert not probabilities.requires_grad
    right = (probabilities.argmax(1).numpy() == labels).mean()
    assert right > 0.4
