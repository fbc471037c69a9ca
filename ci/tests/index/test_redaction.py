from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote

import pytest

from ci.index.redaction import WITHHELD, Redactor

# No two windows of it are alike, and it has what HTML, URLs and JSON escape.
PASSWORD = 'pypi-Ag"E<c1>&hLwv%+/qZ8\\tXk0Rj3DfM7sB5yNzP2uGoQ6aWeViHbUx'
PLAIN = "pypi-AgEIcHlwaS5vcmcCJGQ0ZTY5MzE4LTk1ZmYtNDVi"


def redactor(password: str = PLAIN, username: str = "__token__") -> Redactor:
    made = Redactor()
    made.hide(username, password)
    return made


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ECHOES = {
    "as it is": PLAIN,
    "in a sentence": f"the token {PLAIN}, which is wrong",
    "the first twelve": PLAIN[:12],
    "twelve from its middle": PLAIN[20:32],
    "the last twelve": PLAIN[-12:],
    "without its prefix": PLAIN[5:],
    "capitals": PLAIN.upper(),
    "small letters": PLAIN.lower(),
    "folded lines": f"{PLAIN[:9]}\n         {PLAIN[9:20]}\r\n\t{PLAIN[20:]}",
    "spaced out": " ".join(PLAIN),
    "dots between": ".".join(PLAIN),
    "zero width": "\u200b".join(PLAIN),
    "basic": f"Authorization: Basic {b64(f'__token__:{PLAIN}')}",
    "basic unpadded": b64(f"__token__:{PLAIN}").rstrip("="),
    "basic folded": f"{b64(f'__token__:{PLAIN}')[:30]}\n {b64(f'__token__:{PLAIN}')[30:]}",
    "basic's end": b64(f"__token__:{PLAIN}")[-20:-4],
    "base64 of another user's": b64(f"someone:{PLAIN}"),
    "base64 alone": b64(PLAIN),
    "base64 one on": b64(f"x{PLAIN}y"),
    "base64 two on": b64(f"xx{PLAIN}yy"),
    "base64 for URLs": base64.urlsafe_b64encode(f"??>{PLAIN}??>".encode()).decode(),
    "hexadecimal": PLAIN.encode().hex(),
    "URL-quoted": "".join(f"%{ord(character):02x}" for character in PLAIN),
    "URL-quoted twice": "".join(f"%25{ord(character):02X}" for character in PLAIN),
    "decimal entities": "".join(f"&#{ord(character)};" for character in PLAIN),
    "hexadecimal entities": "".join(f"&#x{ord(character):x};" for character in PLAIN),
    "entities of entities": html.escape("".join(f"&#{ord(character)};" for character in PLAIN)),
    "JSON escapes": "".join(f"\\u{ord(character):04x}" for character in PLAIN),
    "JSON in JSON": json.dumps("".join(f"\\u{ord(character):04x}" for character in PLAIN)),
    "Python escapes": "".join(f"\\x{ord(character):02x}" for character in PLAIN),
    "backslashes": "".join(f"\\{character}" for character in PLAIN if character not in "ux"),
    "tags between": "<b>".join(PLAIN),
    "a tag within": f"{PLAIN[:8]}<span class='x'>{PLAIN[8:16]}</span>{PLAIN[16:]}",
    "a tag that is escaped": f"{PLAIN[:8]}&lt;b&gt;{PLAIN[8:16]}&lt;/b&gt;{PLAIN[16:]}",
    "in a tag": f'<input value="{PLAIN}">',
    "in a comment": f"<!-- {PLAIN} -->",
}


@pytest.mark.parametrize("form", ECHOES)
def test_an_answer_that_quotes_the_token_is_not_shown(form: str) -> None:
    assert redactor().quote(f"403 Forbidden {ECHOES[form]} nope") == WITHHELD


@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD,
        html.escape(PASSWORD),
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        json.dumps(PASSWORD),
        repr(PASSWORD),
        json.dumps(html.escape(PASSWORD)),
        b64(f"me:{PASSWORD}"),
        quote(b64(f"me:{PASSWORD}"), safe=""),
    ],
)
def test_a_password_with_odd_characters_is_found_in_each_form(echo: str) -> None:
    assert redactor(PASSWORD, "me").quote(f"wrong: {echo}") == WITHHELD


def test_a_token_full_of_signs_is_found_by_its_letters_and_digits() -> None:
    token = "pypi-ab_cd-ef_gh-ij_kl-mn_op-qr_st"
    for echo in (token, ".".join(token), token.replace("-", "").replace("_", "")):
        assert redactor(token).quote(f"wrong: {echo}") == WITHHELD


@pytest.mark.parametrize("password", ["hunter2", "x", "!!!!!!!!!!!!!!!", "a-b"])
def test_a_short_or_odd_password_is_found_whole(password: str) -> None:
    assert redactor(password).quote(f"the password {password} is wrong") == WITHHELD
    assert redactor(password, "me").quote(f"Basic {b64(f'me:{password}')}") == WITHHELD
    assert redactor(password).quote(f"the password {' '.join(password)} is wrong") == WITHHELD
    assert redactor(password).quote("Forbdn") == "Forbdn"


@pytest.mark.parametrize("before", ["", "x", "xx"])
def test_a_short_password_is_found_within_base64(before: str) -> None:
    assert redactor("hunter2").quote(f"wrong: {b64(f'{before}hunter2 is it')}") == WITHHELD


@pytest.mark.parametrize(
    "answer",
    [
        "403 Forbidden Invalid or non-existent authentication information.",
        "400 Bad Request The description failed to render for 'text/x-rst'.",
        "the user __token__ may not upload to project pypi-thing",
        f"tokens begin with {PLAIN[:8]}",
        f"eleven are few: {PLAIN[8:19]}",
        b64("an innocent text that is encoded"),
        "",
    ],
)
def test_an_innocent_answer_is_shown(answer: str) -> None:
    assert redactor().quote(answer) == answer
    assert Redactor().quote(answer) == answer


def test_every_secret_is_hidden_that_was_ever_named() -> None:
    made = redactor()
    made.hide("reader", "correct horse battery staple")
    assert made.quote(PLAIN) == WITHHELD
    assert made.quote("correct horse battery staple") == WITHHELD
    assert made.quote("correct horse") == WITHHELD


def test_the_limits_of_a_version_are_no_tag() -> None:
    said = (
        "it does not satisfy Python>=3.12,<4.0 and thing depends on Python>=3.12,<4.0, we conclude"
    )
    assert Redactor().quote(said) == said


def test_an_answer_is_shown_on_one_line_without_tags_and_harmless_to_a_terminal() -> None:
    answer = "<html>\n<h1>Bad\tRequest</h1>\r\n<p>\x1b]0;title\x07 and \u202egnp.exe</p>"
    assert redactor().quote(answer) == r"Bad Request \x1b]0;title\x07 and \u202egnp.exe"


def test_a_long_answer_is_cut_before_anything_else_is_done_with_it() -> None:
    assert redactor().quote("a" * 10_000) == "a" * 500
    assert redactor().quote("<xy>" * 3_000 + "late") == ""
    beyond = "a " * 2_000 + PLAIN
    assert redactor().quote(beyond) == ("a " * 250)
    assert redactor().quote("a" * 3_980 + PLAIN) == WITHHELD


@pytest.mark.parametrize(
    "odd",
    [
        "<",
        ">",
        "&",
        "%",
        "\\",
        "\\u",
        "&#x",
        "&amp;",
        "<!--",
        "\x1b[",
        "\u202e",
        "%25",
        "a<",
        "=\n",
    ],
)
def test_a_hundred_thousand_odd_characters_take_no_time(odd: str) -> None:
    made = redactor(PLAIN * 5)
    start = time.process_time()
    made.quote(odd * (100_000 // len(odd)))
    assert time.process_time() - start < 0.2


def test_a_redactor_does_not_show_what_it_hides() -> None:
    assert PLAIN not in f"{redactor()} {redactor()!r}"
