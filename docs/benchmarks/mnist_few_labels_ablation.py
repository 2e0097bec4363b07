"""Few labels, many images: what each part of the training is worth.

100 of the 60,000 training images of MNIST have a label. Each row of the table is the
network of ``mnist_few_labels.py`` with some parts of its training: pretraining, noise
in pretraining and in fine-tuning, dropout, max-norm, pseudo-labels and their
alignment, sparse logistic units. The labels are drawn three times. Rows without
pseudo-labels have as many steps of fine-tuning, with about as many labeled images in
each.

Run it with ``python docs/benchmarks/mnist_few_labels_ablation.py [--data mnist.npz]
[--labels 100] [--draws 3] [--rows NAME ...] [--validate] [--memory DIR] [--out DIR]``.
``--memory`` keeps the autoencoders, ``--out`` also the accuracy of each fit: a later
run continues from there. A fit takes two to five minutes on one core.
"""

import warnings

from _compare import parser_with_out, report
from _deep import SPARSE, autoencoder, denoising_layers, few_labels_network
from _few_labels import FORMATS, Fits, describe, draw_labels, split
from _mnist import load_mnist
from sklearn.exceptions import ConvergenceWarning

OFF = {"corruption": 0, "dropout": 0, "pseudo_label_weight": 0}
# Of the 200 images of a mini-batch with pseudo-labels.
N_LABELED, N_UNLABELED = 40, 160


def main() -> None:
    """Fit every row to every draw; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--draws", type=int)
    parser.add_argument("--rows", nargs="+", help="default: all")
    parser.add_argument("--validate", action="store_true", help="no test images")
    parser.add_argument("--memory", help="folder that keeps the autoencoders")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = load_mnist(arguments.data, "float32")
    if arguments.quick:
        data = data._make(part[:1_000] for part in data)
    X, y, X_test, y_test = split(data, arguments.validate)
    n_draws = arguments.draws or (1 if arguments.quick else 3)
    fits = Fits(arguments.out and arguments.out / "mnist_few_labels_ablation.jsonl")
    rows = []
    for name, model in networks(arguments, len(X)).items():
        records = []
        for seed in range(n_draws):
            labels = draw_labels(y, arguments.labels, seed, arguments.validate)
            what = {"labels": arguments.labels, "draw": seed, "training": name}
            what |= {"images": len(X), "validate": arguments.validate}
            records.append(fits.run(what, model, (X, labels), (X_test, y_test)))
            print(seed, name, records[-1]["accuracy"], flush=True)
        rows.append({"training": name} | describe(records))
    note = f"{len(X):,} images, float32, {arguments.labels} labels; means over "
    note += f"{n_draws} draws; scored on {len(y_test):,} images."
    title = "MNIST with few labels: parts of the training"
    report("mnist_few_labels_ablation", title, rows, arguments.out, note, FORMATS)


def networks(arguments, n_images):
    """Return the networks by the parts of their training."""
    n_steps = 40 * round((n_images - arguments.labels) / N_UNLABELED)
    n_batches = (arguments.labels + N_LABELED // 2) // N_LABELED
    without = {
        "pseudo_label_weight": 0,
        "batch_size": N_LABELED,
        "max_iter": 20 if arguments.quick else n_steps // n_batches,
    }
    sparse = autoencoder(2 if arguments.quick else 12, corruption=0.3, **SPARSE)
    noiseless = denoising_layers(corruption=0)
    parts = {
        "labels alone": OFF | without | {"pretrain": False},
        "noise": {"dropout": 0, "pretrain": False} | without,
        "dropout": {"corruption": 0, "pretrain": False} | without,
        "noise, dropout": {"pretrain": False} | without,
        "noise, dropout, max-norm": {"pretrain": False, "max_norm": 2.5} | without,
        "pretraining": OFF | without | {"autoencoder": noiseless},
        "pretraining with noise": OFF | without,
        "pretraining, noise, dropout": without,
        "pseudo-labels alone": {"corruption": 0, "dropout": 0, "pretrain": False},
        "pseudo-labels, noise, dropout": {"pretrain": False},
        "pseudo-labels, pretraining": {"corruption": 0, "dropout": 0},
        "all": {},
        "all, not aligned": {"align_pseudo_labels": False},
        "all, max-norm": {"max_norm": 2.5},
        "all, sparse logistic units": {"autoencoder": [sparse, sparse]},
    }
    return {
        name: few_labels_network(arguments.quick, arguments.memory, **changes)
        for name, changes in parts.items()
        if arguments.rows is None or name in arguments.rows
    }


if __name__ == "__main__":
    main()
