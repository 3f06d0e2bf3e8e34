# SPDX-License-Identifier: MIT
"""Certificates of the test's own, made by openssl."""

import pathlib

import programs


def make_certificate(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes a self-signed one for that name; returns the paths of certificate and key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    programs.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                  "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key, "-out",
                  certificate])
    key.chmod(0o644)  # The daemon gives up root and reads it again later.
    return certificate, key
