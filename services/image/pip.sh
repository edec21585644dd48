#!/bin/sh
# Run in an image's build: `pip.sh VERB …` is pip for wheels whose hashes are locked, and for nothing else. The package index and
# the certificates of the building machine are read as secrets: no layer keeps them.
set -eu
if [ -s /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi
if [ -s /run/secrets/certificates.pem ]; then export PIP_CERT=/run/secrets/certificates.pem; fi
exec python3 -m pip --quiet --disable-pip-version-check "$@" --require-hashes --only-binary :all:
