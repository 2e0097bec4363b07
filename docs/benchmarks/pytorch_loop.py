"""The same network twice: a training loop in PyTorch, and three lines of this package.

Two denoising autoencoders are pretrained on scikit-learn's digits, a softmax layer is
trained on their features, and the network is fine-tuned. Both versions have the same
layers, noise, mini-batches and epochs; the table has test accuracy and seconds over
several seeds.

Run it with ``python docs/benchmarks/pytorch_loop.py [--rounds 7] [--out DIR]``. It
needs PyTorch.
"""

import sys
import time

import numpy as np
from _compare import parser_with_out, report
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skstackedae import StackedAutoencoderClassifier

WIDTHS, N_CLASSES = (200, 200), 10
PRETRAINING_EPOCHS, EPOCHS = 12, 20


def pytorch(X, y, X_test, epochs=EPOCHS, batch_size=200, masked=0.3, rate=1e-3):
    """Pretrain layer by layer, train the softmax layer, fine-tune; predict."""
    import torch
    from torch import nn

    def batches(*tensors):
        for rows in torch.randperm(len(tensors[0])).split(batch_size):
            yield [tensor[rows] for tensor in tensors]

    def train(parameters, loss_of_batch, tensors, epochs):
        optimizer = torch.optim.Adam(parameters, lr=rate)
        steps = epochs * -(-len(tensors[0]) // batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: max(0, 1 - step / steps)
        )
        for _ in range(epochs):
            for batch in batches(*tensors):
                optimizer.zero_grad()
                loss_of_batch(*batch).backward()
                optimizer.step()
                schedule.step()

    X, y = torch.as_tensor(X), torch.as_tensor(y)
    hidden, H = [], X
    for width in WIDTHS:
        encoder = nn.Linear(H.shape[1], width)
        bias = nn.Parameter(torch.zeros(H.shape[1]))

        def reconstruction_loss(H, encoder=encoder, bias=bias, first=not hidden):
            noisy = H * (torch.rand_like(H) > masked)
            Z = torch.relu(encoder(noisy)) @ encoder.weight + bias  # tied weights
            if first:
                loss = nn.functional.binary_cross_entropy_with_logits
                return loss(Z, H, reduction="sum") / len(H)
            return ((Z - H) ** 2).sum() / (2 * len(H))

        train(
            [*encoder.parameters(), bias], reconstruction_loss, [H], PRETRAINING_EPOCHS
        )
        hidden += [encoder, nn.ReLU()]
        with torch.no_grad():
            H = torch.relu(encoder(H))
    softmax = nn.Linear(WIDTHS[-1], N_CLASSES)
    nn.init.zeros_(softmax.weight)
    loss = nn.functional.cross_entropy
    train(softmax.parameters(), lambda H, y: loss(softmax(H), y), [H, y], epochs)
    network = nn.Sequential(*hidden, softmax)
    train(network.parameters(), lambda X, y: loss(network(X), y), [X, y], epochs)
    with torch.no_grad():
        return network(torch.as_tensor(X_test)).argmax(axis=1).numpy()


def skstackedae(X, y, seed):
    """Do the same; return the fitted estimator."""
    model = StackedAutoencoderClassifier(
        (200, 200), autoencoder="denoising", alpha=0, solver="adam",
        learning_rate="linear", max_iter=20, random_state=seed,
    )  # fmt: skip
    return model.fit(X, y)


def to_pytorch(classifier):
    """Return the network of a fitted classifier with relu units; it returns logits."""
    import torch
    from torch import nn

    network = nn.Sequential()
    for W, b in zip(classifier.coefs_, classifier.intercepts_, strict=True):
        layer = nn.Linear(*W.shape)
        layer.weight.data, layer.bias.data = torch.tensor(W.T), torch.tensor(b)
        network.extend([layer, nn.ReLU()])
    return network[:-1]


def main() -> None:
    """Fit both with several seeds; print one table."""
    parser = parser_with_out(__doc__.splitlines()[0], rounds=5)
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("pytorch_loop.py needs PyTorch: pip install torch")
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    given = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    X, X_test, y, y_test = given
    accuracy = {"PyTorch": [], "skstackedae": []}
    seconds = {"PyTorch": [], "skstackedae": []}
    for seed in range(arguments.rounds):
        torch.manual_seed(seed)
        fits = {
            "PyTorch": lambda: pytorch(X, y, X_test),
            "skstackedae": lambda seed=seed: skstackedae(X, y, seed).predict(X_test),
        }
        for name, fit in fits.items():
            start = time.perf_counter()
            accuracy[name].append((fit() == y_test).mean())
            seconds[name].append(time.perf_counter() - start)
    rows = [
        {
            "fit": name,
            "test accuracy": f"{np.mean(accuracy[name]):.3f}",
            "lowest, highest": f"{min(accuracy[name]):.3f}, {max(accuracy[name]):.3f}",
            "seconds": f"{np.median(seconds[name]):.2f}",
        }
        for name in accuracy
    ]
    model = skstackedae(X, y, 0)
    with torch.no_grad():
        logits = to_pytorch(model)(torch.as_tensor(X_test)).numpy()
    np.testing.assert_allclose(logits, model.decision_function(X_test), atol=1e-4)
    note = f"Means over {arguments.rounds} seeds, medians of the seconds."
    report("pytorch_loop", "The same network twice", rows, arguments.out, note)


if __name__ == "__main__":
    main()
