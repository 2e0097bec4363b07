"""Sparse autoencoders of other packages, trained on an array of vectors.

Model, loss, auxiliary loss, norms, clipping and schedule of the learning rate are the
packages' own; only the rows are fed from here, in shuffled passes of full batches.
Their defaults are made for ten thousand steps and more. A run of a few hundred steps
cannot work with these, so warm-up, decay and the time after which a unit counts as dead
are scaled to the run.

Each function takes rows, the `Run` of `sparse_codes.py` and a learning rate, and
returns (encode, decode), functions of numpy arrays.
"""

import contextlib
import io
import tempfile

import numpy as np
import torch


def batches(X, run):
    """Yield the batches of shuffled passes without end; rows are on the device."""
    X = torch.from_numpy(np.ascontiguousarray(X, dtype=np.float32)).to(run.device)
    generator = torch.Generator().manual_seed(run.seed)
    while True:
        order = torch.randperm(len(X), generator=generator).to(run.device)
        for start in range(0, len(X) - run.batch_size + 1, run.batch_size):
            yield X[order[start : start + run.batch_size]]


def as_numpy(function, run, chunk=4096):
    """Return a function of numpy arrays."""

    def call(array):
        array = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        with torch.no_grad():
            parts = array.to(run.device).split(chunk)
            return np.concatenate([function(part).cpu().numpy() for part in parts])

    return call


def train_torch(X, run, learning_rate):
    """Train the loop of thirty lines that one writes: no auxiliary loss."""
    torch.manual_seed(run.seed)
    rows = torch.randn(run.n_units, X.shape[1], device=run.device)
    W_dec = torch.nn.functional.normalize(rows, dim=1).requires_grad_()
    W_enc = W_dec.detach().T.clone().requires_grad_()
    b_enc = torch.zeros(run.n_units, device=run.device, requires_grad=True)
    b_dec = torch.from_numpy(X.mean(axis=0)).to(run.device).requires_grad_()
    optimizer = torch.optim.Adam([W_enc, b_enc, W_dec, b_dec], lr=learning_rate)

    def encode(x):
        values, index = ((x - b_dec) @ W_enc + b_enc).topk(run.k, dim=1, sorted=False)
        codes = torch.zeros(len(x), run.n_units, device=run.device)
        return codes.scatter(1, index, values.relu())

    def decode(codes):
        return codes @ W_dec + b_dec

    feed = batches(X, run)
    for _ in range(run.epochs * (len(X) // run.batch_size)):
        x = next(feed)
        loss = (decode(encode(x)) - x).pow(2).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            W_dec /= W_dec.norm(dim=1, keepdim=True)
    return as_numpy(encode, run), as_numpy(decode, run)


def train_dictionary_learning(X, run, learning_rate, *, batch_top_k=False):
    """Train TopKTrainer or BatchTopKTrainer of dictionary_learning."""
    from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer
    from dictionary_learning.trainers.top_k import TopKTrainer
    from dictionary_learning.training import get_norm_factor

    per_pass = len(X) // run.batch_size
    steps = run.epochs * per_pass
    trainer = (BatchTopKTrainer if batch_top_k else TopKTrainer)(
        steps=steps,
        activation_dim=X.shape[1],
        dict_size=run.n_units,
        k=run.k,
        layer=0,
        lm_name="vectors",
        lr=learning_rate,
        seed=run.seed,
        device=run.device,
        warmup_steps=steps // 20,
        threshold_start_step=steps // 2,
        threshold_beta=0.99,
    )
    trainer.dead_feature_threshold = per_pass * run.batch_size
    feed = batches(X, run)
    with quiet():
        factor = get_norm_factor([next(feed) for _ in range(min(100, per_pass))], 100)
    feed = batches(X, run)
    for step in range(steps):
        trainer.update(step, next(feed) / factor)
    trainer.ae.scale_biases(factor)
    return as_numpy(trainer.ae.encode, run), as_numpy(trainer.ae.decode, run)


def train_batch_dictionary_learning(X, run, learning_rate):
    """Train BatchTopKTrainer, whose units share the k n places of a batch."""
    return train_dictionary_learning(X, run, learning_rate, batch_top_k=True)


def sae_lens_top_k(run, steps):
    """Return the configuration of SAELens' TopKTrainingSAE."""
    from sae_lens import TopKTrainingSAEConfig

    return TopKTrainingSAEConfig, {"k": run.k}


def sae_lens_batch_top_k(run, steps):
    """Return the configuration of SAELens' BatchTopKTrainingSAE."""
    from sae_lens import BatchTopKTrainingSAEConfig

    return BatchTopKTrainingSAEConfig, {"k": run.k, "topk_threshold_lr": 0.05}


def sae_lens_jump_relu(run, steps):
    """Return the configuration of JumpReLU, with a penalty around the wanted number."""
    from sae_lens import JumpReLUTrainingSAEConfig

    return JumpReLUTrainingSAEConfig, {
        "jumprelu_sparsity_loss_mode": "quadratic",
        "target_l0": float(run.k),
        "l0_warm_up_steps": steps // 5,
    }


def train_sae_lens(X, run, learning_rate, configuration=sae_lens_top_k):
    """Train one of SAELens' autoencoders."""
    from sae_lens import SAE, TrainingSAE
    from sae_lens.config import LoggingConfig, SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    torch.manual_seed(run.seed)
    per_pass = len(X) // run.batch_size
    steps = run.epochs * per_pass
    config_type, options = configuration(run, steps)
    config = config_type(
        d_in=X.shape[1],
        d_sae=run.n_units,
        device=run.device,
        normalize_activations="expected_average_only_in",
        **options,
    )
    trainer = SAETrainer(
        cfg=SAETrainerConfig(
            total_training_samples=steps * run.batch_size,
            train_batch_size_samples=run.batch_size,
            lr=learning_rate,
            lr_end=learning_rate / 10,
            lr_decay_steps=steps // 5,
            dead_feature_window=per_pass,
            device=run.device,
            autocast=False,
            n_batches_for_norm_estimate=per_pass,
            logger=LoggingConfig(log_to_wandb=False),
        ),
        sae=TrainingSAE.from_dict(config.to_dict()),
        data_provider=batches(X, run),
    )
    with quiet():
        trained = trainer.fit()
    with tempfile.TemporaryDirectory() as folder:
        trained.save_inference_model(folder)
        sae = SAE.load_from_disk(folder, device=run.device)
    return as_numpy(sae.encode, run), as_numpy(sae.decode, run)


def train_batch_sae_lens(X, run, learning_rate):
    """Train BatchTopKTrainingSAE, whose units share the k n places of a batch."""
    return train_sae_lens(X, run, learning_rate, sae_lens_batch_top_k)


def train_jump_relu(X, run, learning_rate):
    """Train JumpReLUTrainingSAE, whose units have thresholds that are learned."""
    return train_sae_lens(X, run, learning_rate, sae_lens_jump_relu)


@contextlib.contextmanager
def quiet():
    """Hide progress bars."""
    nowhere = io.StringIO()
    with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        yield


PEERS = {
    "PyTorch loop": train_torch,
    "dictionary_learning": train_dictionary_learning,
    "dictionary_learning, batch top-k": train_batch_dictionary_learning,
    "SAELens": train_sae_lens,
    "SAELens, batch top-k": train_batch_sae_lens,
    "SAELens, JumpReLU": train_jump_relu,
}
