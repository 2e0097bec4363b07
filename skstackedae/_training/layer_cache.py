"""The cache of pretrained layers; if it does not work, a fit continues without it."""

import os
import stat
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Memory
from sklearn import get_config
from sklearn.utils.validation import check_memory

from .._array_api import Array
from .._network.layers import Layer
from .._rows.rows import Rows
from .._user_warnings import warn_user
from .._version import __version__
from .autoencoder import AutoencoderSettings, TrainedAutoencoder, train_autoencoder
from .callbacks import Task
from .stage import RunSettings, Stage


@dataclass
class _Call:
    """Arguments that do not change the result of training, and its outcome."""

    rows: Rows
    stage: Stage
    task: Task
    trained: TrainedAutoencoder | None = None
    error: BaseException | None = None


class _StoppedByCallback(Exception):  # noqa: N818 - not an error
    """Keeps the cache from storing an unfinished layer, which later fits would get."""


class LayerCache:
    """Trained layers in a folder; the key of a layer is all that it depends on.

    Parameters
    ----------
    memory : None, str, path-like or joblib.Memory
        The folder, or a cache of joblib; None for no cache.
    """

    def __init__(self, memory: Any) -> None:
        location = os.fspath(memory) if isinstance(memory, os.PathLike) else memory
        if location == "":
            raise ValueError("memory='' is not a folder: pass a path, or None.")
        try:
            self._memory = check_memory(location)
            _warn_of_shared_folder(self._memory)
        except OSError as error:
            self._give_up(error)

    def train(
        self,
        rows: Rows,
        settings: AutoencoderSettings,
        stage: Stage,
        seed: int,
        task: Task,
    ) -> TrainedAutoencoder:
        """Train a layer on prepared rows, or take it from the cache."""
        call = _Call(rows, stage, task)
        # A cache without a folder needs no key, which may have to read all rows.
        has_folder = getattr(self._memory, "location", True) is not None
        arguments = (
            *(settings, stage.settings, seed),
            *(rows.key() if has_folder else None, rows.weights, str(rows.dtype)),
            *(get_config()["working_memory"], __version__),
        )
        try:
            trained = self._memory.cache(_train, ignore=["call"])(*arguments, call=call)
        except _StoppedByCallback:
            trained = call.trained
        except OSError as error:
            if error is call.error:
                raise
            self._give_up(error)
            trained = call.trained or _train(*arguments, call=call)
        if not isinstance(trained, TrainedAutoencoder):
            self._give_up(f"it holds a {type(trained).__name__} instead of a layer")
            trained = _train(*arguments, call=call)
        if stage.verbose and call.trained is None:
            print(f"[{stage.title}] taken from the cache", flush=True)
        return _in_memory(trained)

    def _give_up(self, reason: object) -> None:
        """Continue without a cache, also for later layers."""
        self._memory = Memory(location=None)
        warn_user(
            f"The cache of `memory` does not work: {reason}. The layers are trained "
            "without it.",
            UserWarning,
        )


def _train(
    settings: AutoencoderSettings,
    run: RunSettings,
    seed: int,
    X: Any,
    weights: Array,
    dtype: str,
    working_memory: float,
    version: str,
    *,
    call: _Call,
) -> TrainedAutoencoder:
    """Train a layer; the result depends on all arguments except the last."""
    random_state = np.random.RandomState(seed)
    try:
        call.trained = train_autoencoder(
            call.rows, settings, call.stage, random_state, task=call.task
        )
    except BaseException as error:
        call.error = error
        raise
    if call.task.was_stopped:
        raise _StoppedByCallback
    return call.trained


def _warn_of_shared_folder(memory: Any) -> None:
    """Warn if others can put files into the cache, whose code a fit would run."""
    # A cache may have no folder.
    location = getattr(memory, "location", None) or ""
    # joblib keeps the pickles in a folder of its own name.
    for folder in (location, os.path.join(location, "joblib")):
        if os.path.isdir(folder) and _is_shared(folder):
            warn_user(
                f"Other users can write to {folder!r}, the cache of `memory`. Its "
                "files are pickles, and loading a pickle runs any code in it. Use a "
                "folder of your own, or remove their permission (chmod go-w).",
                UserWarning,
            )
            return


def _is_shared(path: str) -> bool:
    """Whether others own the folder or can write to it, as far as POSIX tells."""
    if os.name != "posix":  # pragma: no cover - Windows has no such owners and bits
        return False
    folder = os.stat(path)
    is_foreign = folder.st_uid not in (os.geteuid(), 0)
    is_open = folder.st_mode & stat.S_IWOTH
    is_open_to_group = folder.st_mode & stat.S_IWGRP and not _is_private_group(folder)
    return bool(is_foreign or is_open or is_open_to_group)


def _is_private_group(folder: os.stat_result) -> bool:
    """Whether only the user is in the group, which then has the user's name."""
    import grp
    import pwd

    try:
        return grp.getgrgid(folder.st_gid)[0] == pwd.getpwuid(folder.st_uid)[0]
    except KeyError:
        return False


def _in_memory(trained: TrainedAutoencoder) -> TrainedAutoencoder:
    """Copy arrays that the cache has mapped from a file."""
    layers = [
        Layer(_copied(W), _copied(b), activation) for W, b, activation in trained.layers
    ]
    return TrainedAutoencoder(
        layers, _copied(trained.mean_activations), trained.record, trained.feature_map
    )


def _copied(array: Array) -> Array:
    return np.array(array) if isinstance(array, np.memmap) else array
