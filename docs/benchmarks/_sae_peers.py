"""Top-k autoencoders of other packages, trained on an array of vectors.

Model, loss, auxiliary loss, norms, clipping and schedule of the learning rate are the
packages' own; only the rows are fed from here, in shuffled passes of full batches.
Their defaults are made for ten thousand steps and more. A run of a few hundred steps
cannot work with these, so warm-up, decay and the time after which a unit counts as dead
are scaled to the run.

Each function takes (X, n_units, k, epochs, batch_size, learning_rate) and returns
(encode, decode), functions of numpy arrays.
"""

import contextlib
import io
import tempfile

import numpy as np
import torch


def batches(X, batch_size):
    """Yield the batches of shuffled passes without end."""
    X = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32))
    generator = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(len(X), generator=generator)
        for start in range(0, len(X) - batch_size + 1, batch_size):
            yield X[order[start : start + batch_size]]


def as_numpy(function, chunk=4096):
    """Return a function of numpy arrays."""

    def call(array):
        array = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        with torch.no_grad():
            parts = [function(part).numpy() for part in array.split(chunk)]
        return np.concatenate(parts)

    return call


def train_torch(X, n_units, k, epochs, batch_size, learning_rate):
    """Train the loop of thirty lines that one writes: no auxiliary loss."""
    torch.manual_seed(0)
    rows = torch.randn(n_units, X.shape[1])
    W_dec = torch.nn.functional.normalize(rows, dim=1).requires_grad_()
    W_enc = W_dec.detach().T.clone().requires_grad_()
    b_enc = torch.zeros(n_units, requires_grad=True)
    b_dec = torch.from_numpy(X.mean(axis=0)).requires_grad_()
    optimizer = torch.optim.Adam([W_enc, b_enc, W_dec, b_dec], lr=learning_rate)

    def encode(x):
        values, index = ((x - b_dec) @ W_enc + b_enc).topk(k, dim=1, sorted=False)
        return torch.zeros(len(x), n_units).scatter(1, index, values.relu())

    def decode(codes):
        return codes @ W_dec + b_dec

    feed = batches(X, batch_size)
    for _ in range(epochs * (len(X) // batch_size)):
        x = next(feed)
        loss = (decode(encode(x)) - x).pow(2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            W_dec /= W_dec.norm(dim=1, keepdim=True)
    return as_numpy(encode), as_numpy(decode)


def train_dictionary_learning(X, n_units, k, epochs, batch_size, learning_rate):
    """Train TopKTrainer of dictionary_learning."""
    from dictionary_learning.trainers.top_k import TopKTrainer
    from dictionary_learning.training import get_norm_factor

    per_pass = len(X) // batch_size
    steps = epochs * per_pass
    trainer = TopKTrainer(
        steps=steps,
        activation_dim=X.shape[1],
        dict_size=n_units,
        k=k,
        layer=0,
        lm_name="vectors",
        lr=learning_rate,
        seed=0,
        device="cpu",
        warmup_steps=steps // 20,
        threshold_start_step=steps // 2,
        threshold_beta=0.99,
    )
    trainer.dead_feature_threshold = per_pass * batch_size
    feed = batches(X, batch_size)
    with quiet():
        factor = get_norm_factor([next(feed) for _ in range(min(100, per_pass))], 100)
    feed = batches(X, batch_size)
    for step in range(steps):
        trainer.update(step, next(feed) / factor)
    trainer.ae.scale_biases(factor)
    return as_numpy(trainer.ae.encode), as_numpy(trainer.ae.decode)


def train_sae_lens(X, n_units, k, epochs, batch_size, learning_rate):
    """Train TopKTrainingSAE of SAELens."""
    from sae_lens import SAE, TopKTrainingSAEConfig, TrainingSAE
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    torch.manual_seed(0)
    per_pass = len(X) // batch_size
    steps = epochs * per_pass
    config = TopKTrainingSAEConfig(
        d_in=X.shape[1],
        d_sae=n_units,
        k=k,
        device="cpu",
        normalize_activations="expected_average_only_in",
    )
    trainer = SAETrainer(
        cfg=SAETrainerConfig(
            total_training_samples=steps * batch_size,
            train_batch_size_samples=batch_size,
            lr=learning_rate,
            lr_end=learning_rate / 10,
            lr_decay_steps=steps // 5,
            dead_feature_window=per_pass,
            device="cpu",
            autocast=False,
            n_batches_for_norm_estimate=per_pass,
            logger=LoggingConfig(log_to_wandb=False),
        ),
        sae=TrainingSAE.from_dict(config.to_dict()),
        data_provider=batches(X, batch_size),
    )
    with quiet():
        trained = trainer.fit()
    with tempfile.TemporaryDirectory() as folder:
        trained.save_inference_model(folder)
        sae = SAE.load_from_disk(folder, device="cpu")
    return as_numpy(sae.encode), as_numpy(sae.decode)


@contextlib.contextmanager
def quiet():
    """Hide progress bars."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


PEERS = {
    "PyTorch loop": train_torch,
    "dictionary_learning": train_dictionary_learning,
    "SAELens": train_sae_lens,
}
