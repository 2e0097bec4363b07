"""Drawing functions of the displays: they take matplotlib axes and return artists.

Matplotlib is imported inside functions, because the package works without it.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._array_api import Array

# Color-blind people can tell these apart, too: M. Okabe and K. Ito, "Color universal
# design", 2008.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

# Font size of labels in crowded plots, in points.
FONT_SIZE = 8

# Only images of at least this height have labels, in points.
LABELED_HEIGHT = 32

# Distance between lines of text, and width of a letter, as fractions of the font size.
LINE, LETTER = 1.4, 0.65


def new_axes(ax: Any, width: float, height: float) -> Any:
    """Return the given axes, or those of a new figure of this size in inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = "Displays need matplotlib: pip install 'skstackedae[plot]'."
        raise ImportError(message) from error
    figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
    # This computes the layout, so that the axes have their final size.
    figure.draw_without_rendering()
    return ax


def size_in_points(ax: Any) -> tuple[float, float]:
    """Return width and height of axes."""
    box = ax.get_window_extent()
    return 72 * box.width / ax.figure.dpi, 72 * box.height / ax.figure.dpi


def mosaic(
    ax: Any,
    images: Array,
    labels: Sequence[str],
    n_columns: int,
    crossed: Array | None = None,
    *,
    parts: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Draw images row by row, each above its label if there is room for labels.

    `crossed` tells which images are crossed out. `parts` are the names of equal parts
    of each image, from top to bottom.
    """
    ax = new_axes(ax, *_mosaic_inches(images, n_columns))
    # Repeated pixels make gaps narrower than the pixels of small images.
    repeats = max(1, round(32 / images.shape[2]))
    images = images.repeat(repeats, axis=1).repeat(repeats, axis=2)
    n_images, height, width = images.shape
    n_rows, gap = math.ceil(n_images / n_columns), math.ceil(width / 20)
    needed = n_columns * (width + gap), n_rows * (height + gap)
    pixel = np.divide(size_in_points(ax), needed).min()
    longest = max(map(len, labels)) * LETTER * FONT_SIZE
    is_labeled = pixel * width > longest and pixel * height > LABELED_HEIGHT
    below = gap + (math.ceil(LINE * FONT_SIZE / pixel) if is_labeled else 0)
    rows, columns = np.divmod(np.arange(n_images), n_columns)
    tops, lefts = rows * (height + below), columns * (width + gap)
    canvas = np.full((n_rows * (height + below), n_columns * (width + gap)), np.nan)
    for image, label, top, left in zip(images, labels, tops, lefts, strict=True):
        bottom, right = top + height, left + width
        canvas[top:bottom, left:right] = image
        if is_labeled:
            place = (left + right - 1) / 2, bottom + gap / 2
            ax.text(*place, label, ha="center", va="top", fontsize=FONT_SIZE)
    if crossed is not None:
        _draw_crosses(ax, lefts[crossed], tops[crossed], width - 1, height - 1)
    artist = ax.imshow(canvas[:, :-gap], **options)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    if is_labeled and parts:
        middles = height * (np.arange(len(parts)) + 0.5) / len(parts)
        places = np.add.outer(np.unique(tops), middles).ravel()
        set_names(ax.yaxis, [*parts] * n_rows, places)
        ax.tick_params(length=0)
    return artist


def _mosaic_inches(images: Array, n_columns: int) -> tuple[float, float]:
    """Return the size of a figure in which each of these images can be seen."""
    n_images, height, width = images.shape
    side = float(np.clip(8 / n_columns, 0.35, 1.0))
    row = side * height / width
    if 72 * row > 1.25 * LABELED_HEIGHT:
        row += LINE * FONT_SIZE / 72
    return max(2.5, 0.3 + side * n_columns), 0.4 + row * math.ceil(n_images / n_columns)


def _draw_crosses(ax: Any, lefts: Array, tops: Array, width: int, height: int) -> None:
    """Draw diagonal crosses as one line with gaps."""
    rights, bottoms, gaps = lefts + width, tops + height, np.full(len(lefts), np.nan)
    x = np.column_stack([lefts, rights, gaps, lefts, rights, gaps])
    y = np.column_stack([tops, bottoms, gaps, bottoms, tops, gaps])
    ax.plot(x.ravel(), y.ravel(), color="0.6", linewidth=0.8)


def table_inches(n_rows: int, n_columns: int) -> tuple[float, float]:
    """Return the size of a figure in which a heat map can be read."""
    width, height = 0.3 * n_columns, 0.2 * n_rows
    return 3.0 + float(np.clip(width, 1.5, 6.0)), 1.0 + float(np.clip(height, 2, 7))


def table(ax: Any, cells: Array, names: Sequence[str], **options: Any) -> Any:
    """Draw a heat map, with as many row names as fit."""
    artist = ax.imshow(cells, aspect="auto", interpolation="nearest", **options)
    set_names(ax.yaxis, names, range(len(names)))
    return artist


def set_names(axis: Any, names: Sequence[str], places: Sequence[int] | Array) -> None:
    """Label places on an axis: all, or every k-th if there is no room for more."""
    width, height = size_in_points(axis.axes)
    available, needed = height, LINE * FONT_SIZE
    if axis.axis_name == "x":
        available, needed = width, (max(map(len, names)) + 1) * LETTER * FONT_SIZE
    step = math.ceil(len(names) * needed / available)
    axis.set_ticks(places[::step], names[::step], fontsize=FONT_SIZE)


def split_axes(ax: Any, *boxes: tuple[float, float, float, float]) -> list[Any]:
    """Replace axes by new ones in boxes (left, bottom, width, height) of their area."""
    ax.set_axis_off()
    return [ax.inset_axes(box) for box in boxes]


def scale_by_logarithm(ax: Any) -> None:
    """Make the y axis logarithmic, with numbers that are easy to read."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def as_images(rows: Array, image_shape: tuple[int, int] | None) -> Array:
    n_features = rows.shape[1]
    shape = np.asarray(image_shape)
    is_valid = shape.shape == (2,) and np.issubdtype(shape.dtype, np.integer)
    if not (is_valid and shape.min() > 0 and shape.prod() == n_features):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) with "
            f"{n_features} pixels, the number of features."
        )
    return rows.reshape(-1, *shape)


def as_names(names: Sequence[Any] | Array | None, n_names: int) -> list[str]:
    names = range(n_names) if names is None else names
    if len(names) != n_names:
        raise ValueError(f"Got {len(names)} names, but {n_names} are needed.")
    return [str(name) for name in names]
