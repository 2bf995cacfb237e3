"""Signatures of exports: Ed25519 over the bytes of `datapackage.json`, which has the hash of every file."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from pipelines.errors import BadInput

SIGNATURE_FILE = "datapackage.json.sig"
PUBLIC_KEY_FILE = "signing-key.pub"
SIGNATURE_FILES = (SIGNATURE_FILE, PUBLIC_KEY_FILE)
_NAMED = "The signing key (VGI_SIGNING_KEY)"
_REMEDY = "make one with `openssl genpkey -algorithm ed25519`"


@dataclass(frozen=True)
class PublicKey:
    """The key that a signature is checked with."""

    _key: Ed25519PublicKey

    @property
    def pem(self) -> bytes:
        """The one way in which the key is written."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """What two people compare who want to know that they have the same key: SHA-256 of its DER form."""
        der = self._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"SHA256:{hashlib.sha256(der).hexdigest()}"

    def holds(self, signature: bytes, *, of: bytes) -> bool:
        """Whether a signature, one line of base64 as written by `sign`, is this key's of some bytes."""
        try:
            raw = base64.b64decode(signature.removesuffix(b"\n"), validate=True)
            self._key.verify(raw, of)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return signature == _line(raw)


@dataclass(frozen=True)
class SigningKey:
    """The private key of an installation. Nothing shows it."""

    _key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.public.fingerprint})"

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key.public_key())

    def sign(self, data: bytes) -> bytes:
        """The signature, one line of base64; of equal bytes always the same."""
        return _line(self._key.sign(data))


def read_signing_key(pem: str | None) -> SigningKey | None:
    """The key of a PEM text (PKCS#8, unencrypted); None without a text: exports are not signed then.

    A text that had to be kept on one line may have `\\n` for its line ends. Raises BadInput, which never
    shows the text.
    """
    if pem is None or not pem.strip():
        return None
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").strip().encode(), password=None)
    except TypeError:  # what the library says of an encrypted one
        raise BadInput(f"{_NAMED} is encrypted; give it without a passphrase, or {_REMEDY}.") from None
    except (ValueError, UnsupportedAlgorithm):
        # Whatever else the error says, it must not carry a part of the key.
        raise BadInput(f"{_NAMED} is not a private key in PEM (PKCS#8); {_REMEDY}.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"{_NAMED} is not an Ed25519 key; {_REMEDY}.")
    return SigningKey(key)


def read_public_key(path: Path) -> PublicKey:
    """The public key of a PEM file. Raises BadInput if there is none in it."""
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The public key {path} cannot be read: {error.strerror or error}.") from error
    key = public_key_of(pem)
    if key is None:
        raise BadInput(f"{path} is not an Ed25519 public key in PEM; ask the operator for signing-key.pub.")
    return key


def public_key_of(pem: bytes) -> PublicKey | None:
    """The public key of a PEM text; None if it is none."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return PublicKey(key) if isinstance(key, Ed25519PublicKey) else None


def _line(signature: bytes) -> bytes:
    return base64.b64encode(signature) + b"\n"
