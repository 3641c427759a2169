"""What the server cannot accept: an answer to the sender alone, and nothing is lost."""

import json

import pytest

from tests.support.people import after


def frame(message):
    """Return a text frame with this message, whatever it is."""
    return json.dumps({"message": message})


BAD_FRAMES = {
    "empty frame": "",
    "no JSON": "hello",
    "half JSON": '{"message": "hel',
    "JSON and more": '{"message": "hello"} {}',
    "byte order mark": '\ufeff{"message": "hello"}',
    "array": '["hello"]',
    "string": '"hello"',
    "string message": '"message"',
    "number": "1",
    "null": "null",
    "true": "true",
    "NaN": "NaN",
    "deep": "[" * 100_000,
    "deep object": '{"message":' * 100_000,
    "huge number": '{"message": ' + "1" * 5000 + "}",
    "missing": "{}",
    "other case": '{"Message": "hello"}',
    "message null": frame(None),
    "message number": frame(1),
    "message NaN": frame(float("nan")),
    "message true": frame(True),
    "message array": frame(["hello"]),
    "message object": frame({"message": "hello"}),
    "empty": frame(""),
    "blank": frame(" \t\r\n\u3000"),
    "too long": frame("x" * 2001),
    "far too long": frame("x" * 900_000),
    "too many emoji": frame("😀" * 2001),
    "NUL": frame("a\0b"),
    "high surrogate": frame("a\ud83db"),
    "low surrogate": frame("a\udc00b"),
    "surrogates reversed": frame("\udc00\ud83d"),
    "binary": b"\x00\xff",
    "binary JSON": b'{"message": "hello"}',
    "empty binary": b"",
}
UNKNOWN_KEYS = {
    "NaN": '"extra": NaN',
    "infinity": '"extra": [1e999]',
    "prototype": '"__proto__": 1',
    "huge number": f'"extra": {"1" * 5000}',
}


@pytest.mark.holds(since="01", can="Bad input returns an error, to you only")
async def test_bad_input_returns_an_error_only_to_its_sender(people):
    alice, bob = await people.enter("alice"), await people.enter("bob")
    for kind, bad in BAD_FRAMES.items():
        await alice.send_frame(bad)
        with after(kind):
            answer = await alice.hear()
            assert list(answer) == ["error"], answer
            assert isinstance(answer["error"], str), answer
            assert answer["error"].strip(), answer
    await alice.send("still here")
    await alice.hears("still here")
    await bob.send("bob's own")
    heard = (await bob.hear())["message"]
    assert heard in ("still here", "bob's own")


@pytest.mark.holds(since="01", until="08")
async def test_unknown_keys_are_not_passed_on(people):
    alice = await people.enter("alice")
    for kind, extra in UNKNOWN_KEYS.items():
        await alice.send_frame(f'{{"message": "hello", {extra}}}')
        with after(kind):
            heard = await alice.hear_raw()
            keys = json.loads(heard).keys()
            assert keys <= {"message", "user", "time", "type", "error"}, keys
            assert "NaN" not in heard
            assert "Infinity" not in heard
