"""The choice of a device: what is wished, what is there, and that it is asked once."""

import os
import subprocess
import sys

import pytest

from model_code.errors import ConfigurationError
from model_code.models.device import DEVICES, Devices, Wish, cards


@pytest.mark.parametrize(
    ("wish", "reason", "chosen"), [("auto", "", "cuda"), ("auto", "no card", "cpu"), ("cpu", "", "cpu"), ("cuda", "", "cuda")]
)
def test_devices__take_what_is_wished_and_there(wish: Wish, reason: str, chosen: str) -> None:
    devices = Devices({"boosted": lambda: reason})
    devices.prefer(wish)
    assert (devices.of("boosted"), devices.of("ridge"), devices.wish) == (chosen, "cpu", wish)


def test_devices__refuse_cuda_where_there_is_none() -> None:
    devices = Devices({"boosted": lambda: "no NVIDIA card"})
    devices.prefer("cuda")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="boosted cannot compute on CUDA: no NVIDIA card"):
            devices.of("boosted")


def test_devices__look_once_until_another_wish() -> None:
    looks: list[int] = []
    devices = Devices({"boosted": lambda: "none" if looks.append(1) is None else ""})
    for wish in ("auto", "auto", "cpu", "auto"):
        devices.prefer(wish)  # type: ignore[arg-type]
        assert devices.of("boosted") == devices.of("boosted") == "cpu"
    assert len(looks) == 2


def test_devices__of_this_machine_agree_with_its_libraries() -> None:
    import xgboost

    can = bool(xgboost.build_info().get("USE_CUDA")) and cards() > 0
    script = "from model_code.models.device import DEVICES; print(DEVICES.of('xgboost'), DEVICES.of('lstm'))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    told = done.stdout.split()
    assert told[0] == ("cuda" if can else "cpu")
    assert told[1] in {"cpu", "cuda"}
    assert cards() > 0 or told[1] == "cpu"


def test_devices__without_a_card_ask_no_library() -> None:
    script = "import sys; from model_code.models.device import DEVICES; DEVICES.of('lstm'); print('jax' in sys.modules)"
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", script], env=hidden, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_devices__default_is_what_there_is() -> None:
    assert DEVICES.wish == "auto"
