"""Wide top-k autoencoders on sentence embeddings, beside SAELens and others.

384 -> 4,096 units, 32 of them on, five epochs of Adam in batches of 1,024 on nine
tenths of the vectors. The table has, on the other tenth, the explained variance and the
mean number of units that are on; the fraction of units that are never on in the
training rows; and the CPU seconds of training on one thread. Each package runs with
several learning rates, because they scale inputs and weights differently; the best rate
is chosen on a tenth of the training rows.

Vectors come from `embed_glosses.py`. Run it with ``python docs/benchmarks/
sparse_codes.py --embeddings FILE.npz [--packages NAME ...] [--out DIR]``, with
OMP_NUM_THREADS=1 in the environment. The peers need ``pip install sae-lens
dictionary-learning`` (and no torchvision). ``--quick`` draws random vectors.
"""

import os
import time
import warnings

import numpy as np
from _compare import parser_with_out, report

from skstackedae import SparseAutoencoder

N_UNITS, K, EPOCHS, BATCH = 4096, 32, 5, 1024
RATES = {
    "skstackedae": (2e-3, 4e-3, 8e-3),
    "PyTorch loop": (1e-3, 3e-3),
    "dictionary_learning": (1e-3, 3e-3, 1e-2),
    "SAELens": (1e-3, 3e-3, 6e-3),
}


def train_ours(X, n_units, k, epochs, batch_size, learning_rate):
    """Fit and return functions that encode and decode."""
    model = SparseAutoencoder(
        n_units,
        sparsity="top_k",
        sparsity_target=k / n_units,
        activation="relu",
        decoder_activation="identity",
        alpha=0,
        idle_weight=0.1,
        standardize=True,
        solver="adam",
        learning_rate="linear",
        learning_rate_init=learning_rate,
        max_iter=epochs,
        batch_size=batch_size,
        random_state=0,
        n_jobs=1,
    ).fit(X)
    return model.transform, model.inverse_transform


def trainers(packages) -> dict:
    """Return the functions that train, by package."""
    found = {"skstackedae": train_ours}
    if set(packages) != {"skstackedae"}:
        import torch
        from _sae_peers import PEERS

        torch.set_num_threads(1)
        found |= PEERS
    return {name: found[name] for name in packages}


def evaluate(encode, decode, X_train, X_test) -> dict[str, float]:
    """Measure explained variance, units that are on, and units that never are."""
    error = n_active = 0.0
    for rows in np.array_split(X_test, max(1, len(X_test) // 2000)):
        codes = encode(rows)
        error += float(((rows - decode(codes)) ** 2).sum(dtype=np.float64))
        n_active += np.count_nonzero(codes)
    is_alive = np.zeros(codes.shape[1], dtype=bool)
    for rows in np.array_split(X_train, max(1, len(X_train) // 2000)):
        is_alive |= (encode(rows) != 0).any(axis=0)
    centered = X_test - X_train.mean(axis=0)
    total = float((centered**2).sum(dtype=np.float64))
    return {
        "explained variance": 1 - error / total,
        "dead units": 1 - float(is_alive.mean()),
        "units on": n_active / len(X_test),
    }


def main() -> None:
    """Train each package with its learning rates; print a table."""
    os.environ.setdefault("WANDB_MODE", "disabled")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.simplefilter("ignore")
    parser = parser_with_out(__doc__.splitlines()[0], rounds=1)
    parser.add_argument("--embeddings", help="an .npz file with an array X")
    parser.add_argument("--packages", nargs="+", choices=RATES, default=[*RATES])
    arguments = parser.parse_args()
    size = (N_UNITS, K, EPOCHS, BATCH)
    if arguments.quick:
        X, size = np.random.default_rng(0).normal(size=(3_000, 32)), (64, 4, 2, 100)
        X = X.astype(np.float32)
        arguments.packages = ["skstackedae"]
    else:
        with np.load(arguments.embeddings) as file:
            X = file["X"]
    test, train = np.split(np.random.default_rng(0).permutation(len(X)), [len(X) // 10])
    X_test, X_train = X[test], X[train]
    held_out = len(X_train) // 10
    rows = []
    for name, function in trainers(arguments.packages).items():
        scores = {}
        for rate in RATES[name]:
            codecs = function(X_train[held_out:], *size, rate)
            part = X_train[held_out:], X_train[:held_out]
            scores[rate] = evaluate(*codecs, *part)["explained variance"]
        best = max(scores, key=scores.get)
        start = time.process_time()
        codecs = function(X_train, *size, best)
        seconds = time.process_time() - start
        measured = evaluate(*codecs, X_train, X_test)
        row = {"package": name, "learning rate": best, **measured}
        rows.append(row | {"CPU seconds": seconds})
        print(rows[-1], {rate: round(s, 4) for rate, s in scores.items()}, flush=True)
    formats = {"explained variance": "{:.3f}", "dead units": "{:.1%}"}
    formats |= {"units on": "{:.1f}", "CPU seconds": "{:.0f}"}
    note = (
        f"{len(X_train)} rows of {X.shape[1]} numbers, {size[0]} units, {size[1]} on."
    )
    report("sparse_codes", "Top-k codes", rows, arguments.out, note, formats)


if __name__ == "__main__":
    main()
