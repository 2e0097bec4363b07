"""The same fits on a device, by this package and by loops written in PyTorch.

1. The UFLDL exercise, 784-200-200-10: two sparse autoencoders, a softmax layer and
   fine-tuning by L-BFGS. The loop in PyTorch has the same objectives by autograd, and
   hands them to the same solver of scipy.
2. Epochs of Adam on 784-1000-1000-1000-10 with logistic units, batches of 500: of the
   softmax layer alone, and of the whole network. The loop is the usual one of PyTorch,
   with fused Adam, in the same two stages.

Both are compared with this package on the CPU, too. X is on the device before time is
taken. Without a GPU, the device is PyTorch's CPU, on which arrays of numpy are faster.

Run it with ``SCIPY_ARRAY_API=1 python docs/benchmarks/gpu.py [--data mnist.npz]
[--device cuda] [--parts exercise adam] [--iterations 50] [--out DIR]``. It needs the
extra ``benchmarks``.
"""

import os
import sys
import warnings

# scipy reads it when it is imported.
os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
from _compare import format_seconds, measure, parser_with_out, report
from _mnist import load_mnist
from scipy.optimize import minimize
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._array_api import move_estimator_to

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._network.layout import ParameterLayout

SIZES, N_CLASSES = (200, 200), 10
ALPHA, RHO, BETA = 3e-3, 0.1, 3.0
WIDE, BATCH_SIZE, EPOCHS = (1000, 1000, 1000), 500, 3


def main() -> None:
    """Time both tasks; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--device", help="default: cuda where there is one, else cpu")
    parser.add_argument(
        "--parts", nargs="+", choices=["exercise", "adam"], default=["exercise", "adam"]
    )
    parser.add_argument("--iterations", type=int, default=50, help="of L-BFGS a stage")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("gpu.py needs PyTorch: pip install '.[benchmarks]'")
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", "Most units of the")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(arguments.device or default)
    data = load_mnist(arguments.data, "float32")
    X, y, wide = data.X_train, data.y_train, WIDE
    if arguments.quick:
        X, y, wide, arguments.iterations = X[:500], y[:500], (20, 20, 20), 3
    on_device = torch.asarray(X, device=device), torch.asarray(y, device=device)
    tasks = {
        "exercise": (
            f"UFLDL exercise, {arguments.iterations} iterations a stage",
            exercise(arguments.iterations),
            lambda: exercise_in_torch(*on_device, arguments.iterations),
        ),
        "adam": (
            f"{EPOCHS} epochs of Adam a stage, {'-'.join(map(str, wide))}",
            wide_network(wide),
            lambda: adam_in_torch(*on_device, wide),
        ),
    }
    rows = [
        compare(*tasks[part], (X, y), on_device, arguments.rounds)
        for part in arguments.parts
    ]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device
    note = f"Device: {name}; {len(X):,} rows in float32. "
    note += f"Medians of {arguments.rounds} rounds, with the range."
    report("gpu", "Fits on a device", rows, arguments.out, note)


def fit_on_device(model, X, y):
    """Fit where X is."""
    with config_context(array_api_dispatch=True):
        return model.fit(X, y)


def to_memory(model):
    """Return the model with arrays of numpy, for pickles that load everywhere."""
    return move_estimator_to(model, np, "cpu")


def compare(title, model, loop, in_memory, on_device, rounds) -> dict:
    """Time this package on the device and on the CPU, and the loop."""
    import torch

    def synchronized(function):
        def call():
            result = function()
            if on_device[0].is_cuda:
                torch.cuda.synchronize()
            return result

        return call

    timings = measure(
        {
            "ours": synchronized(lambda: fit_on_device(clone(model), *on_device)),
            "loop": synchronized(loop),
        },
        rounds,
    )
    timings |= measure({"CPU": lambda: clone(model).fit(*in_memory)}, 1, warm_up=False)
    accuracy = to_memory(fit_on_device(clone(model), *on_device)).score(*in_memory)
    ours = timings["ours"].median
    return {
        "fit": title,
        "ours on the device": format_seconds(timings["ours"]),
        "loop in PyTorch": format_seconds(timings["loop"]),
        "ours : loop": f"{ours / timings['loop'].median:.2f}",
        "ours on the CPU : on the device": f"{timings['CPU'].median / ours:.1f}",
        "training accuracy": f"{accuracy:.2%}",
    }


def exercise(n_iterations: int) -> StackedAutoencoderClassifier:
    """Return the network of the exercise."""
    budget = {"max_iter": n_iterations, "tol": 0}
    sparse = {"alpha": ALPHA, "sparsity_target": RHO, "sparsity_weight": BETA}
    return StackedAutoencoderClassifier(
        SIZES,
        autoencoder=SparseAutoencoder(**sparse, **budget),
        random_state=0,
        **budget,
    )


def exercise_in_torch(X, y, n_iterations: int) -> list:
    """Train the same stages with autograd and scipy's L-BFGS."""
    import torch
    from _torch_network import autoencoder_loss, network_loss

    random_state = np.random.RandomState(0)
    H, encoders = X, []
    for width in SIZES:
        layout = ParameterLayout((H.shape[1], width, H.shape[1]))
        (W, _), (b, _) = minimize_in_torch(
            lambda coefs, intercepts, H=H: autoencoder_loss(
                H, *coefs, *intercepts, ALPHA, RHO, BETA
            ),
            layout,
            layout.initialize(random_state),
            X.device,
            n_iterations,
        )
        encoders.append((W, b))
        H = torch.sigmoid(torch.addmm(b, H, W))
    layout = ParameterLayout((SIZES[-1], N_CLASSES))
    output = minimize_in_torch(
        lambda coefs, intercepts: network_loss(H, y, coefs, intercepts, 1e-4),
        layout,
        np.zeros(layout.n_parameters),
        X.device,
        n_iterations,
    )
    layout = ParameterLayout((X.shape[1], *SIZES, N_CLASSES))
    coefs, intercepts = (
        [part.cpu().numpy() for part in (*parts, *last)]
        for parts, last in zip(zip(*encoders, strict=True), output, strict=True)
    )
    return minimize_in_torch(
        lambda coefs, intercepts: network_loss(X, y, coefs, intercepts, 1e-4),
        layout,
        layout.pack(coefs, intercepts),
        X.device,
        n_iterations,
    )


def minimize_in_torch(loss, layout, theta, device, n_iterations: int) -> tuple:
    """Minimize a loss of weights and biases; return them."""
    import torch

    def parameters(theta):
        flat = torch.as_tensor(theta, dtype=torch.float32, device=device)
        return [[part.clone() for part in parts] for parts in layout.unpack(flat)]

    def value_and_gradient(theta):
        parts = parameters(theta)
        leaves = [part.requires_grad_() for group in parts for part in group]
        value = loss(*parts)
        gradients = torch.autograd.grad(value, leaves)
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        return value.item(), flat.cpu().numpy().astype(np.float64)

    found = minimize(
        value_and_gradient,
        theta,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": n_iterations, "ftol": 0, "gtol": 0},
    )
    return parameters(found.x)


def wide_network(sizes) -> StackedAutoencoderClassifier:
    """Return a wide network, which is not pretrained."""
    return StackedAutoencoderClassifier(
        sizes,
        pretrain=False,
        solver="adam",
        max_iter=EPOCHS,
        batch_size=BATCH_SIZE,
        n_iter_no_change=np.inf,
        random_state=0,
    )


def adam_in_torch(X, y, sizes):
    """Train the same stages with the usual loop."""
    import torch
    from _torch_network import adam_epoch, multilayer_perceptron

    torch.manual_seed(0)
    network = multilayer_perceptron((X.shape[1], *sizes, N_CLASSES), "float32")
    network = network.to(X.device)
    with torch.no_grad():
        features = network[:-1](X)
    for part, inputs in ((network[-1], features), (network, X)):
        optimizer = torch.optim.Adam(part.parameters(), fused=True)
        for _ in range(EPOCHS):
            adam_epoch(part, optimizer, inputs, y, BATCH_SIZE)
    return network


if __name__ == "__main__":
    main()
