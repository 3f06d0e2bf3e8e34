# SPDX-License-Identifier: MIT
"""Certificates of the test's own, made by openssl."""

import pathlib
from typing import NamedTuple, Optional, Sequence, Union

import programs


class Authority(NamedTuple):
    certificate: pathlib.Path
    key: pathlib.Path


def make_certificate(folder: pathlib.Path, name: str, *, address: str = "127.0.0.1",
                     issuer: Optional[Authority] = None) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes one for that name and address, self-signed if there is no issuer; returns the paths of
    certificate and key."""
    signed = [] if issuer is None else [
        "-CA", issuer.certificate, "-CAkey", issuer.key,
        "-addext", "basicConstraints=critical,CA:FALSE"]
    return _make(folder, name, ["-addext", f"subjectAltName=DNS:{name},IP:{address}", *signed])


def make_authority(folder: pathlib.Path, name: str) -> Authority:
    return Authority(*_make(folder, name, ["-addext", "keyUsage=critical,keyCertSign"]))


def _make(folder: pathlib.Path, name: str,
          options: Sequence[Union[str, pathlib.Path]]) -> tuple[pathlib.Path, pathlib.Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    programs.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                  "-keyout", key, "-out", certificate, *options])
    key.chmod(0o644)  # The daemon gives up root and reads it again later.
    return certificate, key
