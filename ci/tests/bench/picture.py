"""When each session ran, as an SVG: a bar a session along the time axis."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from ci.tests.bench.measure import critical_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.tests.bench.measure import Bar

_WIDTH, _ROW, _LEFT, _TOP, _RIGHT = 900, 24, 150, 44, 60
_STYLE = """
text { font: 13px sans-serif; fill: #333 } .title { font-weight: bold }
.bar { fill: #9db7d5 } .critical { fill: #2f6f9f } .axis { stroke: #ccc }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .axis { stroke: #555 } }
"""


def picture(bars: Sequence[Bar], seconds: float, title: str) -> str:
    """The SVG's text; the sessions that the end waited for are dark."""
    rows = sorted(bars, key=lambda bar: (bar.start, bar.end))
    height = _TOP + _ROW * len(rows) + 30
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "role": "img",
            "aria-label": title,
        },
    )
    ET.SubElement(root, "style").text = _STYLE
    _text(root, 10, 20, title, "title")
    scale = (_WIDTH - _LEFT - _RIGHT) / max(seconds, 0.001)
    step = tick(seconds)
    for number in range(int(seconds / step) + 1):
        x = _LEFT + number * step * scale
        line = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": f"{_TOP - 8}", "y2": f"{height - 24}"}
        ET.SubElement(root, "line", {"class": "axis", **line})
        _text(root, x, height - 8, f"{number * step:g} s")
    critical = critical_path(bars)
    for row, bar in enumerate(rows):
        y = _TOP + row * _ROW
        _text(root, 10, y + 15, bar.name)
        box = {"x": _LEFT + bar.start * scale, "width": max(1.0, bar.seconds * scale)}
        kind = "bar critical" if bar in critical else "bar"
        shape = {name: f"{value:.1f}" for name, value in box.items()}
        ET.SubElement(
            root, "rect", {"class": kind, "y": str(y), "height": str(_ROW - 5), "rx": "3", **shape}
        )
        _text(root, _LEFT + bar.end * scale + 5, y + 15, f"{bar.seconds:.1f} s")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def tick(seconds: float) -> float:
    """A round step, of which 5 to 12 make up `seconds`."""
    rough = max(seconds, 0.001) / 10
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _text(root: ET.Element, x: float, y: float, text: str, kind: str | None = None) -> None:
    attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}"} | ({"class": kind} if kind else {})
    ET.SubElement(root, "text", attributes).text = text
