"""Reproduce the UFLDL exercise "Stacked autoencoders for digit classification".

A 784-200-200-10 network on all of MNIST: two sparse autoencoders (rho 0.1, beta 3,
lambda 3e-3) and a softmax layer, 200 iterations of L-BFGS a stage, then fine-tuning:
once with decay of only the softmax layer, as in the exercise, once with decay of all
weights. UFLDL reports 92.6 % for softmax on raw pixels, 87.7 % before and 97.6 % after
fine-tuning.

Run it with ``python docs/benchmarks/mnist_ufldl.py [--data mnist.npz] [--dtype float32]
[--out DIR]``; without ``--data`` MNIST comes from OpenML.
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
from _machine import describe_machine
from _mnist import MNIST, load_mnist
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

mpl.use("Agg")

import matplotlib.pyplot as plt

HIDDEN_LAYER_SIZES = (200, 200)
N_ITERATIONS = 200
# With tol=0 a stage stops early only if the loss does not fall at all.
BUDGET = {"max_iter": N_ITERATIONS, "tol": 0}
AUTOENCODER = SparseAutoencoder(
    alpha=3e-3, sparsity_target=0.1, sparsity_weight=3.0, **BUDGET
)
FINE_TUNINGS = {
    "fine-tuned, alpha=3e-3, hidden_alpha=0": {"alpha": 3e-3, "hidden_alpha": 0},
    "fine-tuned, alpha=1e-4 on all weights": {"alpha": 1e-4, "hidden_alpha": None},
}
# A unit with a smaller standard deviation over the training rows is dead.
DEAD_STD = 0.01


def main() -> None:
    """Run all stages and print one table."""
    arguments = parse_arguments()
    data = load_mnist(arguments.data, arguments.dtype)
    print(f"{'stage':44} {'iterations':>10} {'seconds':>8} {'train':>8} {'test':>8}")
    start = time.perf_counter()
    softmax = StackedAutoencoderClassifier((), alpha=1e-4, **BUDGET)
    report("softmax on raw pixels", softmax, data)
    pretrained = StackedAutoencoderClassifier(
        HIDDEN_LAYER_SIZES,
        autoencoder=AUTOENCODER,
        fine_tune=False,
        alpha=3e-3,
        random_state=0,
        **BUDGET,
    )
    report("pretraining + softmax", pretrained, data)
    # Both fine-tunings start from the same pretrained layers.
    layers = [FrozenEstimator(layer) for layer in pretrained.autoencoders_]
    for name, decay in FINE_TUNINGS.items():
        tuned = clone(pretrained).set_params(
            autoencoder=layers, fine_tune=True, **decay
        )
        report(name, tuned, data)
    minutes = (time.perf_counter() - start) / 60
    describe_units(pretrained, data)
    print(f"{arguments.dtype}, {minutes:.1f} minutes in all; {describe_machine()}")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        path = arguments.out / "mnist_ufldl_layer_1.png"
        draw_components(pretrained.autoencoders_[0].components_, path)
        print(f"First layer drawn to {path}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="mnist.npz; default: from OpenML")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--out", type=Path, help="folder for the picture")
    return parser.parse_args()


def report(name: str, model: StackedAutoencoderClassifier, data: MNIST) -> None:
    """Fit a model; print a line for each stage, accuracies where there are labels."""
    with warnings.catch_warnings():
        # Every stage should use up its iterations.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(data.X_train, data.y_train)
    for stage in model.history_:
        title = stage["name"]
        if stage["layer"] is not None:
            title += f" of layer {stage['layer']}"
        line = f"  {title:42} {stage['n_iter']:10d} {stage['seconds']:8.1f}"
        if stage["accuracy"] is not None:
            line += f" {stage['accuracy']:8.2%}"
        print(line, flush=True)
    train = model.score(data.X_train, data.y_train)
    test = model.score(data.X_test, data.y_test)
    seconds = sum(stage["seconds"] for stage in model.history_)
    print(f"{name:44} {'':10} {seconds:8.1f} {train:8.2%} {test:8.2%}", flush=True)


def describe_units(model: StackedAutoencoderClassifier, data: MNIST) -> None:
    """Count the units of each pretrained layer that are the same for every image."""
    activations = data.X_train
    for number, autoencoder in enumerate(model.autoencoders_, start=1):
        activations = autoencoder.transform(activations)
        std = activations.std(axis=0)
        print(
            f"Layer {number}: {np.sum(std < DEAD_STD)} of {len(std)} units dead "
            f"(standard deviation below {DEAD_STD}), median {np.median(std):.3f}; mean "
            f"activation {autoencoder.mean_activations_.mean():.3f}"
        )


def draw_components(components: np.ndarray, path: Path) -> None:
    """Draw the image that excites each unit most: its weights, scaled to norm 1."""
    n_columns = 20
    n_rows = -(-len(components) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(n_columns * 0.5, n_rows * 0.5), squeeze=False
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, component in zip(axes.flat, components, strict=False):
        image = component / np.linalg.norm(component)
        limit = np.abs(image).max()
        axis.imshow(image.reshape(28, 28), cmap="gray", vmin=-limit, vmax=limit)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99, wspace=0.08, hspace=0.08)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
