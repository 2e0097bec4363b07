"""Deep networks on all of MNIST: pretrained or not, noisy or not.

The references are the figures of Vincent et al., "Stacked Denoising Autoencoders"
(Journal of Machine Learning Research 11, 2010): 98.60 % with plain autoencoders
(SAE-3), 98.72 % with masking noise (SDAE-3). Like these, the networks have three layers
of 1,000 logistic units and cross-entropy reconstructions; Adam trains them. Networks of
two layers of 2,000 relu units with dropout are compared with Srivastava et al.,
"Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (Journal of Machine
Learning Research 15, 2014). To choose settings, ``--validate`` hides the labels of the
last 10,000 training images and scores these images. With ``--memory`` it shares the
pretraining, which uses no labels, with the run that scores the test images.

Run it with ``python docs/benchmarks/mnist_deep.py [--data mnist.npz] [--out DIR]
[--models NAME ...] [--validate] [--epochs 20] [--alpha 1e-5] [--memory DIR]``; on one
core a model of logistic units takes 15 to 35 minutes, one of relu units an hour.
"""

import time
import warnings

import matplotlib.pyplot as plt
from _compare import parser_with_out, report
from _deep import SPARSE, autoencoder, denoising_layers, network
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning

from skstackedae.inspection import TrainingCurveDisplay

LOGISTIC, RELU = (1_000, 1_000, 1_000), (2_000, 2_000)
UNLABELED = -1
TO_FILE_NAME = str.maketrans({" ": "_", ",": None, "=": "_"})
PUBLISHED = {
    "pretrained": "98.60 % (SAE-3)",
    "pretrained, noise": "98.72 % (SDAE-3)",
    "pretrain=False": "",
    "pretrain=False, noise": "",
    "relu, dropout, pretrained": "",
    "relu, dropout": "98.95 % (relu, dropout, max-norm)",
}


def main() -> None:
    """Fit the models; print one table."""
    arguments = parsed_arguments()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, X_test, y_test = rows_of(arguments)
    rows = []
    for name, model in models(arguments).items():
        if arguments.models is not None and name not in arguments.models:
            continue
        start = time.perf_counter()
        model.fit(X, y)
        rows.append(
            {
                "model": name,
                "published": PUBLISHED[name],
                "accuracy": model.score(X_test, y_test),
                "on the training images": model.history_[-1]["accuracy"],
                "before fine-tuning": model.history_[-2]["accuracy"],
                "epochs of fine-tuning": model.n_iter_,
                "minutes": (time.perf_counter() - start) / 60,
            }
        )
        print(rows[-1], flush=True)
        if arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            file_name = f"mnist_deep_{name.translate(TO_FILE_NAME)}.png"
            draw_curves(model, name).savefig(arguments.out / file_name, dpi=200)
    what = "validation" if arguments.validate else "test"
    note = f"{sum(y != UNLABELED):,} labeled images, {len(X_test):,} {what} images; "
    note += "float32."
    formats = dict.fromkeys(
        ("accuracy", "on the training images", "before fine-tuning"), "{:.2%}"
    )
    formats["minutes"] = "{:.1f}"
    title = "MNIST, deep networks"
    report("mnist_deep", title, rows, arguments.out, note, formats)


def draw_curves(model, name):
    """Draw the loss of all stages; each curve starts with the name of its stage."""
    # At the width of a page, 7.2 inches, letters have the size of the text.
    figure, axis = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
    display = TrainingCurveDisplay.from_estimator(model, ax=axis)
    axis.get_legend().remove()
    for line in display.lines_:
        x, y = line.get_data()
        axis.annotate(
            line.get_label().replace(", ", ",\n"),
            (x[0], y[0]),
            (2, 4),
            textcoords="offset points",
            color=line.get_color(),
            va="bottom",
        )
        line.set_linewidth(2.5)
    # Room for the names.
    axis.set_ylim(top=4 * axis.get_ylim()[1])
    axis.set(xlabel="epoch", ylabel="loss of the stage")
    axis.set_title(f"Loss of each stage: {name}", fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def parsed_arguments():
    """Read the command line."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--validate", action="store_true", help="no test images")
    parser.add_argument("--models", nargs="+", choices=PUBLISHED)
    parser.add_argument("--epochs", type=int, help="of fine-tuning")
    parser.add_argument("--pretraining-epochs", type=int)
    parser.add_argument(
        "--alpha", type=float, default=1e-5, help="decay, of logistic units only"
    )
    parser.add_argument("--memory", help="folder that keeps pretrained layers")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs = arguments.pretraining_epochs = 2
    return arguments


def rows_of(arguments):
    """Return training rows and rows to score, with labels."""
    data = load_mnist(arguments.data, "float32")
    if arguments.quick:
        data = data._replace(X_train=data.X_train[:1_000], y_train=data.y_train[:1_000])
    if not arguments.validate:
        return data
    validation = slice(-len(data.X_train) // 6, None)
    y = data.y_train.copy()
    y[validation] = UNLABELED
    return data.X_train, y, data.X_train[validation], data.y_train[validation]


def models(arguments):
    """Return the models by name."""
    sizes = ((30,), (30, 30)) if arguments.quick else (LOGISTIC, RELU)
    n_epochs = arguments.pretraining_epochs
    plain = autoencoder(n_epochs or 15, **SPARSE)
    noisy = autoencoder(n_epochs or 15, corruption=0.25, **SPARSE)
    denoising = denoising_layers(corruption=0.5, max_iter=n_epochs or 40)
    common = {"memory": arguments.memory, "unlabeled_label": UNLABELED}
    logistic = {"alpha": arguments.alpha, **common}
    relu = {"prototype": denoising, "corruption": 0.2, "dropout": 0.5, **common}
    trained = {
        "pretrained": logistic | {"prototype": plain},
        "pretrained, noise": logistic | {"prototype": noisy, "corruption": 0.2},
        "pretrain=False": logistic,
        "pretrain=False, noise": logistic | {"corruption": 0.2},
    }
    trained_relu = {
        "relu, dropout, pretrained": relu,
        "relu, dropout": relu | {"pretrain": False},
    }
    return {
        name: network(sizes[0], arguments.epochs or 20, **settings)
        for name, settings in trained.items()
    } | {
        name: network(sizes[1], arguments.epochs or 100, **settings)
        for name, settings in trained_relu.items()
    }


if __name__ == "__main__":
    main()
