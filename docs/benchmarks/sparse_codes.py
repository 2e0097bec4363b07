"""Wide sparse autoencoders on sentence embeddings, beside SAELens and others.

384 -> 4,096 units, 32 of them on, five epochs of Adam in batches of 1,024 on nine
tenths of the vectors. The table has, on the other tenth, the explained variance and the
mean number of units that are on; the fraction of units that are never on in the
training rows; and the seconds of training: CPU seconds on one thread, or wall seconds
on a GPU (``--device cuda``). Each package runs with several learning rates, because
they scale inputs and weights differently; the best rate is chosen with seed 0 on a
tenth of the training rows. With the L1 penalty it is its weight that is chosen, so that
as many units are on.

Vectors come from `embed_glosses.py`. Run it with ``python docs/benchmarks/
sparse_codes.py --embeddings FILE.npz [--packages NAME ...] [--rounds 3] [--device cuda]
[--out DIR]``, with OMP_NUM_THREADS=1 in the environment for the CPU, or
SCIPY_ARRAY_API=1 for a GPU. Each round has a seed of its own. The peers need ``pip
install sae-lens dictionary-learning`` (and no torchvision). ``--quick`` draws random
vectors.
"""

import os
import time
import warnings
from typing import NamedTuple

import numpy as np
from _compare import parser_with_out, report
from sklearn import config_context

from skstackedae import SparseAutoencoder

PEER_RATES = (1e-3, 3e-3, 6e-3)
# Values of the option of each package that is chosen on held-out rows.
CANDIDATES = {
    "skstackedae": (4e-3, 8e-3, 1.6e-2),
    "skstackedae, L1": (1.6, 1.7, 1.8),
    "PyTorch loop": PEER_RATES,
    "dictionary_learning": PEER_RATES,
    "dictionary_learning, batch top-k": PEER_RATES,
    "SAELens": PEER_RATES,
    "SAELens, batch top-k": PEER_RATES,
    "SAELens, JumpReLU": PEER_RATES,
}


class Run(NamedTuple):
    """What all packages do: width, units that are on, passes, batches, seed, device."""

    n_units: int = 4096
    k: int = 32
    epochs: int = 5
    batch_size: int = 1024
    seed: int = 0
    device: str = "cpu"


def train_top_k(X, run, learning_rate):
    """Fit and return functions that encode and decode."""
    model = SparseAutoencoder(
        run.n_units,
        sparsity="top_k",
        sparsity_target=run.k,
        activation="relu",
        decoder_activation="identity",
        alpha=0,
        idle_weight=0.1,
        standardize=True,
        solver="adam",
        learning_rate="linear",
        learning_rate_init=learning_rate,
        max_iter=run.epochs,
        batch_size=run.batch_size,
        random_state=run.seed,
        n_jobs=1,
    )
    return fit(model, X, run)


def train_l1(X, run, sparsity_weight):
    """Do the same with the L1 penalty, whose weight sets how many units are on.

    X is multiplied by a number, so that the mean norm of a row is the root of the
    number of features, as in SAELens.
    """
    scale = float(np.sqrt(X.shape[1]) / np.linalg.norm(X, axis=1).mean())
    model = SparseAutoencoder(
        run.n_units,
        sparsity="l1",
        sparsity_weight=sparsity_weight,
        activation="relu",
        decoder_activation="identity",
        alpha=0,
        solver="adam",
        learning_rate_init=3e-3,
        max_iter=run.epochs,
        n_iter_no_change=run.epochs,
        batch_size=run.batch_size,
        random_state=run.seed,
        n_jobs=1,
    )
    encode, decode = fit(model, scale * X, run)
    return (lambda rows: encode(scale * rows)), (lambda codes: decode(codes) / scale)


def fit(model, X, run):
    """Fit where the run says; return functions of numpy arrays."""
    if run.device == "cpu":
        model.fit(X)
        return model.transform, model.inverse_transform
    import torch

    def on_device(function):
        def call(array):
            with config_context(array_api_dispatch=True):
                given = torch.asarray(array, device=run.device)
                return function(given).cpu().numpy()

        return call

    with config_context(array_api_dispatch=True):
        model.fit(torch.asarray(X, device=run.device))
    return on_device(model.transform), on_device(model.inverse_transform)


def trainers(packages) -> dict:
    """Return the functions that train, by package."""
    found = {"skstackedae": train_top_k, "skstackedae, L1": train_l1}
    if not set(packages) <= set(found):
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
        "units on": float(n_active / len(X_test)),
    }


def choose(train, candidates, X, held_out, run):
    """Return the best candidate on held-out rows, with about the right units on."""
    scores = {}
    for candidate in candidates:
        found = evaluate(*train(X, run, candidate), X, held_out)
        excess = max(0.0, abs(found["units on"] / run.k - 1) - 0.05)
        scores[candidate] = -excess, found["explained variance"]
    print({candidate: np.round(s, 4).tolist() for candidate, s in scores.items()})
    return max(scores, key=scores.get)


def measure(train, candidate, X_train, X_test, run, rounds) -> dict:
    """Train with one seed after the other; return means, and the range of one."""
    clock = time.process_time if run.device == "cpu" else time.perf_counter
    results = []
    for seed in range(rounds):
        start = clock()
        codecs = train(X_train, run._replace(seed=seed), candidate)
        codecs[0](X_test[:1])  # waits for the device
        seconds = clock() - start
        results.append(evaluate(*codecs, X_train, X_test) | {"seconds": seconds})
        print(results[-1], flush=True)
    means = {name: float(np.mean([r[name] for r in results])) for name in results[0]}
    explained = [result["explained variance"] for result in results]
    return means | {"range": [min(explained), max(explained)]}


def main() -> None:
    """Train each package; print a table."""
    os.environ.setdefault("WANDB_MODE", "disabled")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    warnings.simplefilter("ignore")
    parser = parser_with_out(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--embeddings", help="an .npz file with an array X")
    parser.add_argument("--device", default="cpu", help="of PyTorch's names")
    parser.add_argument(
        "--packages", nargs="+", choices=CANDIDATES, default=[*CANDIDATES]
    )
    arguments = parser.parse_args()
    run = Run(device=arguments.device)
    if arguments.quick:
        X = np.random.default_rng(0).normal(size=(3_000, 32)).astype(np.float32)
        run = run._replace(n_units=64, k=4, epochs=2, batch_size=100)
        arguments.packages = ["skstackedae", "skstackedae, L1"]
    else:
        with np.load(arguments.embeddings) as file:
            X = file["X"].astype(np.float32)
    test, train = np.split(np.random.default_rng(0).permutation(len(X)), [len(X) // 10])
    X_test, X_train = X[test], X[train]
    n_held_out = len(X_train) // 10
    rows = []
    for name, function in trainers(arguments.packages).items():
        print(name, flush=True)
        part = X_train[n_held_out:], X_train[:n_held_out]
        chosen = choose(function, CANDIDATES[name], *part, run)
        measured = measure(function, chosen, X_train, X_test, run, arguments.rounds)
        rows.append({"package": name, "chosen": chosen, **measured})
    formats = {"explained variance": "{:.4f}", "dead units": "{:.1%}"}
    formats |= {"units on": "{:.1f}", "seconds": "{:.3g}"}
    note = (
        f"{len(X_train)} rows of {X.shape[1]} numbers, {run.n_units} units, {run.k} on;"
        f" device: {run.device}; means of {arguments.rounds} seeds."
    )
    suffix = "" if run.device == "cpu" else "_gpu"
    report(f"sparse_codes{suffix}", "Sparse codes", rows, arguments.out, note, formats)


if __name__ == "__main__":
    main()
