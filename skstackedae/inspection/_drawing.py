"""What the displays draw with: matplotlib's axes in, its artists out.

matplotlib is imported in functions alone, because the package works without it.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._array_api import Array

# Told apart by colour-blind people, too: M. Okabe and K. Ito, "Color universal design",
# 2008.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

# Size of letters beside many small things, in points.
FONT_SIZE = 8

# Height from which on images have labels, in points.
LABELLED_HEIGHT = 32

# How far lines of text are apart, and how wide a letter is, as parts of that.
LINE, LETTER = 1.4, 0.65


def import_pyplot(caller: str) -> Any:
    """Return matplotlib.pyplot, or say how to get it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} needs matplotlib: pip install 'skstackedae[plot]'."
        ) from error
    return plt


def new_axes(plt: Any, ax: Any, width: float, height: float) -> Any:
    """Return the given axes, or those of a new figure of this size in inches."""
    if ax is not None:
        return ax
    figure, ax = plt.subplots(figsize=(width, height), layout="constrained")
    # The layout is found, so that the axes' size is what it will be.
    figure.draw_without_rendering()
    return ax


def size_in_points(ax: Any) -> tuple[float, float]:
    """Width and height of axes."""
    box = ax.get_window_extent()
    return 72 * box.width / ax.figure.dpi, 72 * box.height / ax.figure.dpi


class Mosaic(NamedTuple):
    """Images of one size, row by row on one axes."""

    artist: Any
    # Upper edge of each image, and the height of all, in the axes' coordinates.
    tops: Array
    height: int
    # Whether there was room for labels.
    labelled: bool


def mosaic_inches(images: Array, n_columns: int) -> tuple[float, float]:
    """Return the size of a figure in which each of these images can be seen."""
    n_images, height, width = images.shape
    side = float(np.clip(8 / n_columns, 0.35, 1.0))
    row = side * height / width
    if 72 * row > 1.25 * LABELLED_HEIGHT:
        row += LINE * FONT_SIZE / 72
    return max(2.5, 0.3 + side * n_columns), 0.4 + row * math.ceil(n_images / n_columns)


def draw_mosaic(
    ax: Any,
    images: Array,
    labels: Sequence[str],
    n_columns: int,
    *,
    crossed: Array | None = None,
    **options: Any,
) -> Mosaic:
    """Draw images row by row, each above its label where that fits.

    Those that are ``crossed`` have a cross on them.
    """
    # Repeated, so that gaps are narrower than the pixels of small images.
    repeats = max(1, round(32 / images.shape[2]))
    images = images.repeat(repeats, axis=1).repeat(repeats, axis=2)
    n_images, height, width = images.shape
    n_rows, gap = math.ceil(n_images / n_columns), math.ceil(width / 20)
    pixel = _points_per_pixel(ax, n_rows * (height + gap), n_columns * (width + gap))
    longest = max(map(len, labels)) * LETTER * FONT_SIZE
    labelled = pixel * width > longest and pixel * height > LABELLED_HEIGHT
    below = gap + (math.ceil(LINE * FONT_SIZE / pixel) if labelled else 0)
    rows, columns = np.divmod(np.arange(n_images), n_columns)
    tops, lefts = rows * (height + below), columns * (width + gap)
    canvas = np.full((n_rows * (height + below), n_columns * (width + gap)), np.nan)
    for number, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        bottom, right = top + height, left + width
        canvas[top:bottom, left:right] = images[number]
        if labelled:
            place = (left + right - 1) / 2, bottom + gap / 2
            ax.text(*place, labels[number], ha="center", va="top", fontsize=FONT_SIZE)
    if crossed is not None:
        _draw_crosses(ax, lefts[crossed], tops[crossed], width - 1, height - 1)
    artist = ax.imshow(canvas[:, :-gap], **options)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return Mosaic(artist, tops, height, labelled)


def _draw_crosses(ax: Any, lefts: Array, tops: Array, width: int, height: int) -> None:
    """Draw diagonal crosses as one line with gaps."""
    rights, bottoms, gaps = lefts + width, tops + height, np.full(len(lefts), np.nan)
    x = np.column_stack([lefts, rights, gaps, lefts, rights, gaps])
    y = np.column_stack([tops, bottoms, gaps, bottoms, tops, gaps])
    ax.plot(x.ravel(), y.ravel(), color="0.6", linewidth=0.8)


def _points_per_pixel(ax: Any, height: int, width: int) -> float:
    axes_width, axes_height = size_in_points(ax)
    return min(axes_width / width, axes_height / height)


def table_inches(n_rows: int, n_columns: int) -> tuple[float, float]:
    """Return a size of figure at which a heat map can be read."""
    width, height = 0.3 * n_columns, 0.2 * n_rows
    return 3.0 + float(np.clip(width, 1.5, 6.0)), 1.0 + float(np.clip(height, 2, 7))


def draw_table(ax: Any, table: Array, names: Sequence[str], **options: Any) -> Any:
    """Draw a heat map, with the names of its rows that fit."""
    artist = ax.imshow(table, aspect="auto", interpolation="nearest", **options)
    set_names(ax.yaxis, names, range(len(names)))
    return artist


def set_names(axis: Any, names: Sequence[str], places: Sequence[int]) -> None:
    """Name places on an axis: all, or every k-th if there is no room for more."""
    width, height = size_in_points(axis.axes)
    if axis.axis_name == "x":
        available, needed = width, (max(map(len, names)) + 1) * LETTER * FONT_SIZE
    else:
        available, needed = height, LINE * FONT_SIZE
    step = math.ceil(len(names) * needed / available)
    axis.set_ticks(places[::step], names[::step], fontsize=FONT_SIZE)


def divided(ax: Any, *boxes: tuple[float, float, float, float]) -> list[Any]:
    """Put axes into boxes (left, bottom, width, height) in the place of the given."""
    ax.set_axis_off()
    return [ax.inset_axes(box) for box in boxes]


def scale_by_logarithm(ax: Any) -> None:
    """Make the y axis logarithmic, with numbers that are read at a glance."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def as_images(rows: Array, image_shape: Any) -> Array:
    n_features = rows.shape[1]
    shape = np.asarray(image_shape)
    is_valid = shape.shape == (2,) and np.issubdtype(shape.dtype, np.integer)
    if not (is_valid and shape.min() > 0 and shape.prod() == n_features):
        raise ValueError(
            f"image_shape={image_shape!r} must be (height, width) with "
            f"{n_features} pixels, the number of features."
        )
    return rows.reshape(-1, *shape)


def as_names(names: Any, n_names: int) -> list[str]:
    if names is None:
        names = range(n_names)
    if len(names) != n_names:
        raise ValueError(f"{len(names)} names were given for {n_names}.")
    return [str(name) for name in names]
