"""The same networks in PyTorch, as its users write them."""

from itertools import pairwise

import joblib
import numpy as np
import torch
from torch.nn.functional import cross_entropy, mse_loss

# The same number as for BLAS and this package; torch may count cores differently.
torch.set_num_threads(joblib.cpu_count())


def tensors(*arrays):
    """Share memory with numpy arrays."""
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]


def layers_of(layout, theta, dtype):
    """Turn a flat vector into weights and biases that require gradients."""
    coefs, intercepts = layout.unpack(theta.astype(dtype))
    return [
        [torch.tensor(part, requires_grad=True) for part in parts]
        for parts in (coefs, intercepts)
    ]


def autoencoder_loss(X, W1, W2, b1, b2, alpha, rho, beta):
    """Cost of the sparse autoencoder; autograd finds the gradient."""
    H = torch.sigmoid(torch.addmm(b1, X, W1))
    Y = torch.sigmoid(torch.addmm(b2, H, W2))
    rho_hat = H.mean(dim=0)
    loss = 0.5 * mse_loss(Y, X, reduction="sum") / len(X)
    loss = loss + alpha / 2 * ((W1**2).sum() + (W2**2).sum())
    divergence = rho * torch.log(rho / rho_hat)
    divergence = divergence + (1 - rho) * torch.log((1 - rho) / (1 - rho_hat))
    return loss + beta * divergence.sum()


def network_loss(X, y, coefs, intercepts, alpha):
    """Cost of hidden layers under a softmax."""
    A = X
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        A = torch.sigmoid(torch.addmm(b, A, W))
    loss = cross_entropy(torch.addmm(intercepts[-1], A, coefs[-1]), y)
    return loss + alpha / 2 * sum((W**2).sum() for W in coefs)


def value_and_gradient(loss, parameters):
    """Evaluate the loss and its gradient by every parameter."""
    for parameter in parameters:
        parameter.grad = None
    value = loss()
    value.backward()
    return value.item(), [parameter.grad for parameter in parameters]


def multilayer_perceptron(sizes, dtype):
    """Logistic hidden layers and a layer of logits."""
    modules = []
    for n_in, n_out in pairwise(sizes):
        modules += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
    precision = torch.float32 if dtype == "float32" else torch.float64
    return torch.nn.Sequential(*modules[:-1]).to(precision)


def adam_epoch(network, optimizer, X, y, batch_size):
    """Pass over the rows once, in a new order."""
    order = torch.randperm(len(X))
    for start in range(0, len(X), batch_size):
        rows = order[start : start + batch_size]
        optimizer.zero_grad()
        cross_entropy(network(X[rows]), y[rows]).backward()
        optimizer.step()
