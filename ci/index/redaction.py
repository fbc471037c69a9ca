"""Prepare an index's answer for output: short, and without any credential."""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from ci.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHHELD = "(the index's answer is not shown: it quotes the credentials)"

_READ = 4_000  # characters of an answer that are looked at; the rest is not shown either
_SHOWN = 500
_WINDOW = 12  # characters in a row that give a secret away
_SHORTEST = 6  # of an encoded form: a shorter one stands in many an innocent text
_ROUNDS = 3  # of decoding what was encoded more than once
_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")  # not the limits of a version, as in >=3.12,<4.0
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)


class Redactor:
    """The secrets of this process, and what may be shown in spite of them."""

    def __init__(self) -> None:
        """Begin without a secret."""
        self._windows: set[str] = set()
        self._short: set[str] = set()

    def hide(self, username: str, password: str) -> None:
        """From now on show no answer that quotes the password, or twelve characters of it."""
        basic = base64.b64encode(f"{username}:{password}".encode()).decode().rstrip("=")
        for form in (password, basic):
            self._add(form, 1)
        for form in (quote(password, safe=""), password.encode().hex(), *_base64(password)):
            self._add(form, _SHORTEST)

    def quote(self, answer: str) -> str:
        """An index's answer on one line, cut, without tags; or `WITHHELD`."""
        text = answer[:_READ]
        if any(self._gives_away(reduced) for form in _decoded(text) for reduced in _reduced(form)):
            return WITHHELD
        return printable(" ".join(_TAG.sub(" ", text).split()))[:_SHOWN]

    def _add(self, form: str, shortest: int) -> None:
        whole, letters = _reduced(form)
        if shortest <= len(whole) < _WINDOW:
            self._short.add(whole)
        self._windows |= _windows(whole) | _windows(letters)

    def _gives_away(self, text: str) -> bool:
        return not self._windows.isdisjoint(_windows(text)) or any(
            short in text for short in self._short
        )


def _windows(text: str) -> set[str]:
    return {text[start : start + _WINDOW] for start in range(len(text) - _WINDOW + 1)}


def _reduced(text: str) -> tuple[str, str]:
    """Without blanks, and without anything but letters and digits: an echo may be spaced out."""
    text = "".join(text.casefold().split())
    return text, re.sub(r"[\W_]+", "", text)


def _decoded(text: str) -> Iterator[str]:
    """The text, the text decoded in each way that servers encode, and in all of them in turn."""
    decoders = (html.unescape, unquote, _unescape, _without_tags)
    yield text
    for decode in decoders:
        yield decode(text)
    for _ in range(_ROUNDS):
        for decode in decoders:
            text = decode(text)
            yield text


def _without_tags(text: str) -> str:
    return _TAG.sub("", text)


def _unescape(text: str) -> str:
    r"""What JSON, JavaScript and Python mean by `\u0041`, `\x41` and `\/`."""
    return _ESCAPE.sub(lambda match: match[3] or chr(int(match[1] or match[2], 16)), text)


def _base64(secret: str) -> list[str]:
    """The base64 of `secret` at each of the three places that it can have in a longer text.

    Only the characters that depend on nothing but the secret: the user name before it, of whatever
    length, is not among them.
    """
    forms = []
    for before, doubtful in ((0, 0), (1, 2), (2, 3)):
        data = b"\0" * before + secret.encode()
        whole = base64.b64encode(data).decode().rstrip("=")
        forms.append(whole[doubtful : len(whole) - bool(len(data) % 3)])
    return forms
