from __future__ import annotations

import base64
import hmac
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from scrapr.web.access import bearer, challenge, scopes
from scrapr.web.auth import is_same
from scrapr.web.issuer import read
from scrapr.web.keys import understood
from scrapr.web.settings import OAuthSettings, is_confidential

SETTINGS = OAuthSettings(issuer="https://id.example", audience="https://data.example", leeway=0)
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
CURVE = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})
KEYS = KeySet([RSA, CURVE])


def claims(**other: Any) -> dict[str, Any]:
    good = {"iss": SETTINGS.issuer, "aud": SETTINGS.audience, "exp": int(time.time()) + 60, "scope": "a b"}
    return {name: value for name, value in (good | other).items() if value is not None}


def sign(key: Any = RSA, algorithm: str = "RS256", kind: str = "at+jwt", **other: Any) -> str:
    header = {"alg": algorithm, "kid": key.kid, "typ": kind}
    return jwt.encode(header, claims(**other), key, algorithms=[algorithm])


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (CURVE, "ES256")])
@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "JWT"])
def test_what_the_issuer_signed_for_us_is_read(key: Any, algorithm: str, kind: str) -> None:
    access = read(sign(key, algorithm, kind), KEYS, SETTINGS)
    assert access.scopes == {"a", "b"}
    assert access.until > time.time()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"iss": "https://id.evil"}, id="another issuer"),
        pytest.param({"iss": None}, id="no issuer"),
        pytest.param({"aud": "https://other.example"}, id="another audience"),
        pytest.param({"aud": ["https://other.example"]}, id="other audiences"),
        pytest.param({"aud": None}, id="no audience"),
        pytest.param({"exp": int(time.time()) - 1}, id="over"),
        pytest.param({"exp": None}, id="without end"),
        pytest.param({"exp": "never"}, id="an end that is none"),
        # The tests may take long to come here.
        pytest.param({"nbf": int(time.time()) + 86_400}, id="not yet"),
        pytest.param({"kind": "logout+jwt"}, id="another kind"),
    ],
)
def test_what_is_not_for_us_or_not_now_is_refused(other: dict[str, Any]) -> None:
    with pytest.raises((JoseError, ValueError)):
        read(sign(**other), KEYS, SETTINGS)


def text(part: dict[str, Any]) -> str:
    return coded(orjson.dumps(part))


def coded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def test_one_of_several_audiences_is_enough() -> None:
    assert read(sign(aud=["x", SETTINGS.audience]), KEYS, SETTINGS).scopes


def test_a_public_key_is_no_shared_secret_and_no_signature_is_none() -> None:
    body = text(claims())
    shared = f"{text({'alg': 'HS256', 'kid': 'rsa'})}.{body}"
    signature = hmac.digest(RSA.as_pem(private=False), shared.encode(), "sha256")
    for token in (f"{shared}.{coded(signature)}", f"{text({'alg': 'none', 'kid': 'rsa'})}.{body}."):
        with pytest.raises(JoseError):
            read(token, KEYS, SETTINGS)


def test_a_key_that_is_not_understood_hides_no_other() -> None:
    good = RSA.as_dict(private=False)
    odd = (
        {"kty": "AKP", "kid": "of tomorrow"},
        {"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA", "kid": "of yesterday"},
        {"kty": "OKP", "crv": "X448", "x": "aa", "kid": "broken"},
        5,
    )
    keys = understood({"keys": [*odd, good]})
    assert read(sign(), keys, SETTINGS).scopes
    with pytest.raises(ValueError, match="none of them"):
        understood({"keys": [*odd]})


def test_a_token_that_is_no_text_is_another_token() -> None:
    assert not is_same("\udcff", "right")
    assert is_same("right", "right")


@given(st.text())
def test_any_other_text_is_refused(token: str) -> None:
    with pytest.raises((JoseError, ValueError)):
        read(token, KEYS, SETTINGS)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"scope": "a b"}, ["a", "b"]),
        ({"scp": ["a", 3]}, ["a"]),
        ({"scp": "a", "scope": "b"}, ["a", "b"]),
        ({"scope": None, "scp": {"a": 1}}, []),
        ({}, []),
    ],
    ids=str,
)
def test_scopes_are_read_however_an_issuer_writes_them(found: dict[str, Any], expected: list[str]) -> None:
    assert sorted(scopes(found)) == expected


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer x", "x"), ("bearer  x ", "x"), ("Basic x", ""), ("Bearer", ""), ("", ""), ("x", "")],
)
def test_a_token_is_found_behind_its_scheme(header: str, token: str) -> None:
    assert bearer(header) == token


@given(st.text(), st.text())
def test_a_challenge_is_one_line_whatever_it_tells(description: str, scope: str) -> None:
    told = challenge("invalid_token", description, scope)
    assert told.startswith('Bearer error="invalid_token"')
    assert told.isascii()
    assert told.isprintable()
    assert told.count('"') % 2 == 0


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example/realm", True),
        ("http://127.0.0.1:9000", True),
        ("http://localhost", True),
        ("http://id.example", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("", False),
    ],
)
def test_keys_are_asked_for_where_nobody_else_can_answer(url: str, safe: bool) -> None:
    assert is_confidential(url) is safe
