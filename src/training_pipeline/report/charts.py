"""Draw charts as inline SVG, so that the report is one file."""

from __future__ import annotations

import io
from collections.abc import Sequence

from training_pipeline.model.bootstrap import Interval

_INK, _MUTED, _ACCENT = "#1b1f24", "#8c959f", "#0969da"


def calibration(predicted: Sequence[float], actual: Sequence[Interval]) -> str:
    """Return an SVG chart of the actual rate, with its interval, against the mean prediction of each bin."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "report", "font.size": 10}):
        figure = Figure(figsize=(4.6, 4.2), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle="--", label="perfect")
        below = [max(0.0, rate.value - rate.lower) for rate in actual]
        above = [max(0.0, rate.upper - rate.value) for rate in actual]
        axes.errorbar(
            list(predicted), [rate.value for rate in actual], yerr=[below, above],
            fmt="o", markersize=4, capsize=2, linewidth=1, color=_ACCENT, label="tenth of the customers",
        )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="mean predicted probability", ylabel="actual rate")
        axes.set_aspect("equal")
        axes.legend(loc="upper left", frameon=False)
        axes.tick_params(colors=_INK)
        axes.spines[["top", "right"]].set_visible(False)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = file.getvalue()
    return text[text.index("<svg") :]
