"""The formulas of the exercise in plain numpy, on all rows at once.

There are no blocks and no threads, except the threads of BLAS in matrix products.
"""

import numpy as np
from scipy.optimize import minimize


def logistic(Z):
    """The plain formula; scipy's expit is slower here."""
    return 1 / (1 + np.exp(-Z))


def autoencoder_cost(theta, X, layout, alpha, rho, beta):
    """Cost and gradient of the sparse autoencoder."""
    (W1, W2), (b1, b2) = layout.unpack(theta.astype(X.dtype, copy=False))
    n_rows = len(X)
    H = logistic(X @ W1 + b1)
    Y = logistic(H @ W2 + b2)
    rho_hat = H.mean(axis=0, dtype=np.float64)
    E = Y - X
    value = 0.5 * float(np.sum(E**2)) / n_rows
    value += alpha / 2 * float(np.sum(W1**2) + np.sum(W2**2))
    value += beta * float(
        np.sum(
            rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
        )
    )
    delta_2 = E * Y * (1 - Y)
    sparsity = (beta * (-rho / rho_hat + (1 - rho) / (1 - rho_hat))).astype(X.dtype)
    delta_1 = (delta_2 @ W2.T + sparsity) * H * (1 - H)
    coef_grads = [X.T @ delta_1 / n_rows + alpha * W1]
    coef_grads += [H.T @ delta_2 / n_rows + alpha * W2]
    biases = [delta_1.mean(axis=0), delta_2.mean(axis=0)]
    return value, layout.pack(coef_grads, biases)


def network_cost(theta, X, Y, layout, alpha, hidden_alpha):
    """Cost and gradient of a softmax layer on any number of hidden layers."""
    coefs, intercepts = layout.unpack(theta.astype(X.dtype, copy=False))
    n_rows = len(X)
    activations = [X]
    for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
        activations.append(logistic(activations[-1] @ W + b))
    Z = activations[-1] @ coefs[-1] + intercepts[-1]
    Z = np.exp(Z - Z.max(axis=1, keepdims=True))
    P = Z / Z.sum(axis=1, keepdims=True)
    alphas = [hidden_alpha] * (len(coefs) - 1) + [alpha]
    value = -float(np.sum(Y * np.log(P + np.finfo(P.dtype).tiny))) / n_rows
    value += sum(
        a / 2 * float(np.sum(W**2)) for a, W in zip(alphas, coefs, strict=True)
    )
    delta = P - Y
    coef_grads, intercept_grads = [], []
    for position in reversed(range(len(coefs))):
        A, W = activations[position], coefs[position]
        coef_grads.append(A.T @ delta / n_rows + alphas[position] * W)
        intercept_grads.append(delta.mean(axis=0))
        if position:
            delta = (delta @ W.T) * A * (1 - A)
    return value, layout.pack(coef_grads[::-1], intercept_grads[::-1])


def minimized(cost, theta, n_iterations, *arguments):
    """Minimize by scipy's L-BFGS; return theta and the number of iterations."""
    options = {"maxiter": n_iterations, "ftol": 2e-16, "gtol": 2e-16}
    options["maxfun"] = 20 * n_iterations
    found = minimize(
        cost, theta, arguments, jac=True, method="L-BFGS-B", options=options
    )
    return found.x, found.nit
