"""Formulas as MathML, which browsers draw themselves: no script, no network.

They need a font with mathematical metrics. Systems without one get that of ziamath.
"""

from importlib.resources import files

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

FONT = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"

logger = logging.getLogger(__name__)


def _mathml(node, display):
    formula = convert(node.astext(), display=display)
    if "\\" in formula:
        logger.warning(
            "unknown command in the formula %s", node.astext(), location=node
        )
    # As an operator, the logarithm keeps its distance from what it is taken of.
    space = 'lspace="0.167em" rspace="0.167em"'
    return formula.replace("<mi>log</mi>", f"<mo {space}>log</mo>")


def visit_inline(translator, node):
    """Put a formula into the line."""
    translator.body.append(_mathml(node, "inline"))
    raise nodes.SkipNode


def visit_block(translator, node):
    """Put a formula on lines of its own; wide ones scroll there, not the page."""
    formula = _mathml(node, "block")
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app):
    """Offer the renderer to `html_math_renderer`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
