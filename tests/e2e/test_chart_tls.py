"""TLS at the ingress by an existing Secret: the certificate that is shown is the operator's, and nothing is answered without."""

from typing import Any

import httpx
import pytest

from tests.e2e.cluster import until
from tests.e2e.encrypted import Certificate, encrypting
from tests.e2e.installed import Installed

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("cluster")]


def test_ingress__shows_the_certificate_of_the_secret(installed: Installed) -> None:
    host, certificate = installed.host, Certificate.of(installed.host)
    question = {"rows": [[60.0, 61.0]], "lead": [0], "request_id": "by-tls"}
    given: dict[str, Any] = {"method": "POST", "json": question, "headers": {"authorization": f"Bearer {installed.key}"}}
    installed.cluster.kubectl("apply", "-f", "-", given=certificate.secret())
    with encrypting(installed.cluster) as encrypted:
        installed.apply(installed.values(0) | {"ingress": {"enabled": True, "host": host, **encrypted.values}})

        until(lambda: encrypted.answers(host, "/predict", certificate.believed, **given), "an answer by TLS", seconds=60)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            encrypted.ask(host, "/predict", Certificate.of(host).believed, **given)
        unencrypted = encrypted.ask(host, "/predict", certificate.believed, scheme="http", **given)

    assert unencrypted.status_code == httpx.codes.NOT_FOUND
    installed.upgrade(0)
    until(lambda: installed.ask("after-tls").status_code == httpx.codes.OK, "an answer without TLS again")
