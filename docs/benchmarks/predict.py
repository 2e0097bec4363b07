"""Class probabilities for 1, 100 and 60,000 rows, side by side with peers.

The candidates are networks of one shape, 784-200-200-10, in this package,
scikit-learn's MLPClassifier and PyTorch, in both precisions. The fits are short,
because the weights do not change the time. One row is the case of a server: validation
of the input then takes most of the time, and PyTorch does not validate.

Run it with ``python docs/benchmarks/predict.py [--data mnist.npz] [--out DIR]``.
"""

from functools import partial

from _compare import (
    format_seconds,
    measure,
    parser_with_out,
    per_repeat,
    repeated,
    report,
)
from _mnist import load_mnist
from sklearn.neural_network import MLPClassifier

from skstackedae import StackedAutoencoderClassifier

try:
    import _torch_network as in_torch
    import torch
except ImportError:
    torch = None

SIZES = (200, 200)
FEW_ROWS = 100


def main() -> None:
    """Time every number of rows and precision; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=9)
    arguments = parser.parse_args()
    n_calls = 100 if arguments.quick else 500
    rows = []
    for dtype in ("float32", "float64"):
        data = load_mnist(arguments.data, dtype)
        few = data.X_train[:1000], data.y_train[:1000]
        models = {
            "skstackedae": StackedAutoencoderClassifier(
                SIZES, pretrain=False, tol=1, n_iter_no_change=1
            ).fit(*few),
            "MLPClassifier": MLPClassifier(
                SIZES, activation="logistic", max_iter=5, tol=1, n_iter_no_change=1
            ).fit(*few),
        }
        functions = {name: model.predict_proba for name, model in models.items()}
        if torch is not None:
            functions["PyTorch"] = torch_probabilities(dtype)
        for n_rows in (1, FEW_ROWS) if arguments.quick else (1, FEW_ROWS, 60_000):
            repeats = n_calls if n_rows <= FEW_ROWS else 1
            X = data.X_train[:n_rows]
            rows += compare(functions, X, repeats, arguments.rounds)
    title = "Class probabilities, 784-200-200-10"
    note = f"Medians of {arguments.rounds} rounds, with the range; for few rows of the "
    note += f"mean of {n_calls} calls in a row."
    report("predict", title, rows, arguments.out, note)


def compare(functions, X, repeats, rounds):
    """Time all functions on these rows."""
    timings = measure(
        {
            name: repeated(partial(function, X), repeats)
            for name, function in functions.items()
        },
        rounds,
    )
    ours = timings["skstackedae"].median
    return [
        {
            "rows": len(X),
            "dtype": X.dtype.name,
            "candidate": name,
            "time": format_seconds(per_repeat(timing, repeats)),
            "ratio to ours": f"{timing.median / ours:.2f}",
        }
        for name, timing in timings.items()
    ]


def torch_probabilities(dtype):
    """Return a function from numpy rows to numpy probabilities."""
    network = in_torch.multilayer_perceptron((784, *SIZES, 10), dtype)

    def probabilities(X):
        with torch.inference_mode():
            return torch.softmax(network(torch.from_numpy(X)), dim=1).numpy()

    return probabilities


if __name__ == "__main__":
    main()
