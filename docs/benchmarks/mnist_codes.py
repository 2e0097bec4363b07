"""Short codes of MNIST: the error of a deep autoencoder, and of PCA.

The network 784-1000-500-250-30, as in Hinton and Salakhutdinov (Science 313, 2006), and
the same with codes of two numbers. Layers have logistic units, the code is linear, the
loss is the cross-entropy. The same network is trained with pretraining, without it, and
pretrained without fine-tuning. Codes are learned from the 60,000 training images; the
table has the squared error of an image, summed over its pixels, on the 10,000 test
images. No setting was chosen on these. With ``--out``, a figure shows test images,
their reconstructions, and the map of the codes of two numbers.

Run it with ``python docs/benchmarks/mnist_codes.py [--data mnist.npz] [--codes 30 2]
[--models NAME ...] [--epochs 30] [--pretraining-epochs 12] [--out DIR]``. A fit takes a
quarter of an hour on one core.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from _compare import parser_with_out, report
from _deep import autoencoder, epochs
from _mnist import load_mnist
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skstackedae import StackedAutoencoder

HIDDEN = (1000, 500, 250)
# Hinton and Salakhutdinov, figure 2: average squared errors of test images.
PUBLISHED = {("pretrained", 30): "3.00", ("PCA", 30): "13.87"}
MODELS = ("pretrained", "not pretrained", "not fine-tuned")
N_SHOWN = 10


def main() -> None:
    """Fit the models for each length of the codes; print a table, draw a figure."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--codes", type=int, nargs="+", default=[30, 2])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--epochs", type=int, default=30, help="of fine-tuning")
    parser.add_argument("--pretraining-epochs", type=int, default=12)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    X, X_test, hidden = data.X_train, data.X_test, HIDDEN
    if arguments.quick:
        X, hidden = X[:1_000], (30, 20)
        arguments.epochs = arguments.pretraining_epochs = 2
    rows = []
    for length in arguments.codes:
        models = {"PCA": PCA(length, random_state=0)}
        for name in arguments.models:
            models[name] = network((*hidden, length), name, arguments)
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(X)
            rows.append(
                {
                    "length of a code": length,
                    "model": name,
                    "published": PUBLISHED.get((name, length), ""),
                    "test error": squared_error(model, X_test),
                    "training error": squared_error(model, X),
                    "minutes": (time.perf_counter() - start) / 60,
                }
            )
            print(rows[-1], flush=True)
        if arguments.out is not None:
            draw(models, X_test, data.y_test, arguments.out)
    note = (
        f"Layers {'-'.join(map(str, (784, *hidden)))}; {arguments.pretraining_epochs} "
    )
    note += f"epochs of pretraining a layer, {arguments.epochs} of fine-tuning, with a "
    note += "learning rate that falls to 0. One seed, float32."
    formats = {"test error": "{:.2f}", "training error": "{:.2f}", "minutes": "{:.1f}"}
    report("mnist_codes", "Codes of MNIST", rows, arguments.out, note, formats)


def network(sizes, name: str, arguments) -> StackedAutoencoder:
    """Return a stack with linear codes."""
    n_epochs = arguments.pretraining_epochs
    settings = {"tied_weights": True, "learning_rate_init": 3e-3}
    layer = autoencoder(n_epochs, **settings)
    # A linear code has no limits, so it learns with smaller steps.
    code = autoencoder(n_epochs, activation="identity", tied_weights=True)
    return StackedAutoencoder(
        sizes,
        autoencoder=[*[layer] * (len(sizes) - 1), code],
        pretrain=name != "not pretrained",
        fine_tune=name != "not fine-tuned",
        alpha=0,
        random_state=0,
        **epochs(arguments.epochs),
    )


def squared_error(model, X: np.ndarray) -> float:
    """Return the squared error of an image, summed over its pixels."""
    errors = X - model.inverse_transform(model.transform(X))
    return float((errors**2).sum(axis=1, dtype=np.float64).mean())


def draw(models: dict, X: np.ndarray, y: np.ndarray, out) -> None:
    """Draw reconstructions; and the map, if codes have two numbers."""
    out.mkdir(parents=True, exist_ok=True)
    shown = np.array([(y == digit).argmax() for digit in range(N_SHOWN)])
    length = next(iter(models.values())).n_components
    figure, axes = plt.subplots(
        len(models) + 1, 1, figsize=(8, len(models) + 1.2), layout="constrained"
    )
    images = {"test images": X[shown]}
    for name, model in models.items():
        error = squared_error(model, X)
        codes = model.transform(X[shown])
        images[f"{name}: {error:.1f}"] = model.inverse_transform(codes)
    for axis, (name, rows) in zip(axes, images.items(), strict=True):
        strip = np.concatenate(rows.reshape(-1, 28, 28), axis=1)
        axis.imshow(strip, cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(name, fontsize=11, loc="left")
        axis.set_axis_off()
    figure.savefig(out / f"mnist_codes_{length}.png", dpi=150)
    plt.close(figure)
    if length == 2:
        draw_maps(models, X, y, out)


def draw_maps(models: dict, X: np.ndarray, y: np.ndarray, out) -> None:
    """Draw the codes of two numbers, colored by digit: PCA and the best network."""
    best = min(models, key=lambda name: squared_error(models[name], X))
    figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
    colors = plt.get_cmap("tab10")(y)
    for axis, name in zip(axes, ("PCA", best), strict=True):
        codes = models[name].transform(X)
        axis.scatter(*codes.T, s=2, c=colors, linewidths=0)
        low, high = np.quantile(codes, [0.002, 0.998], axis=0)
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        for digit in range(10):
            axis.text(
                *np.median(codes[y == digit], axis=0),
                str(digit),
                fontsize=16,
                weight="bold",
                ha="center",
                va="center",
            )
        axis.set_title("PCA" if name == "PCA" else "deep autoencoder")
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(out / "mnist_codes_map.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
