"""An ingress controller that speaks TLS, beside the cluster's own, and a certificate for it to show."""

import copy
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.cluster import Cluster

CLASS = "evenkeel-tls"  # of the ingresses that it serves, and nobody else does
PORT = 8443
SECRET = "certificate"
ARGUMENTS = [
    *(f"--entrypoints.secure.address=:{PORT}", "--entrypoints.secure.http.tls=true", "--entrypoints.metrics.address=:9100"),
    *("--ping=true", "--ping.entrypoint=metrics"),
    *("--providers.kubernetesingress=true", f"--providers.kubernetesingress.ingressclass={CLASS}"),
    *("--providers.providersthrottleduration=200ms", "--log.level=WARN"),
]


@dataclass(frozen=True)
class Certificate:
    """One of its own making, for some hosts, valid for an hour."""

    certificate: str
    key: str

    @classmethod
    def of(cls, *hosts: str) -> "Certificate":
        """A new one."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return cls(made.public_bytes(serialization.Encoding.PEM).decode(), private.decode())

    def secret(self) -> str:
        """The Secret that the ingresses name, as JSON."""
        data = {"tls.crt": self.certificate, "tls.key": self.key}
        return json.dumps(
            {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": {"name": SECRET}, "stringData": data}
        )

    @property
    def believed(self) -> ssl.SSLContext:
        """What believes this one alone."""
        return ssl.create_default_context(cadata=self.certificate)


@dataclass(frozen=True)
class Encrypted:
    """A controller that speaks TLS, asked at a port of loopback.

    Attributes:
        values: Of an Ingress that it is to serve, for either chart. By the annotation: by the field, the cluster's own controller
            would serve it too.
    """

    port: int
    values: ClassVar[dict[str, Any]] = {
        "className": "",
        "annotations": {"kubernetes.io/ingress.class": CLASS},
        "tlsSecret": SECRET,
    }

    def ask(
        self, host: str, path: str, believed: ssl.SSLContext, *, scheme: str = "https", method: str = "GET", **given: Any
    ) -> httpx.Response:
        """One request to a host behind it.

        Raises:
            httpx.ConnectError: The certificate that it shows is not believed.
        """
        headers = {"host": host, **given.pop("headers", {})}
        with httpx.Client(verify=believed, timeout=10) as client:
            where = f"{scheme}://127.0.0.1:{self.port}{path}"
            return client.request(method, where, headers=headers, extensions={"sni_hostname": host}, **given)

    def answers(self, host: str, path: str, believed: ssl.SSLContext, **given: Any) -> bool:
        """Whether it answers well by a certificate that is believed; until it has the Secret, it shows one of its own."""
        try:
            return self.ask(host, path, believed, **given).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


@contextmanager
def encrypting(cluster: Cluster) -> Iterator[Encrypted]:
    """A controller like the cluster's, which serves the ingresses of `CLASS` by TLS."""
    theirs = Cluster(cluster.folder, "ingress")
    told = theirs.kubectl("get", "deployment", "traefik", "--ignore-not-found", "-o", "json")
    if not told:
        pytest.skip("no cluster: it has no Traefik in its namespace ingress to take after")
    name = f"traefik-{cluster.namespace}"
    theirs.kubectl("apply", "-f", "-", given=json.dumps(_like(json.loads(told), name)))
    try:
        theirs.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
        with theirs.forwarded(f"deployment/{name}", PORT) as port:
            yield Encrypted(port)
    finally:
        theirs.kubectl("delete", "deployment", name, "--wait=false")


def _like(own: dict[str, Any], name: str) -> dict[str, Any]:
    spec = copy.deepcopy(own["spec"])
    labels = {"app.kubernetes.io/name": name}
    (container,) = spec["template"]["spec"]["containers"]
    container |= {"args": ARGUMENTS, "ports": [{"name": "metrics", "containerPort": 9100}]}
    spec |= {"selector": {"matchLabels": labels}}
    spec["template"]["metadata"] = {"labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
