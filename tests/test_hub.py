import pytest

from nst.hub import check_reachable

from .conftest import Files


def test_any_answer_will_do_and_silence_will_not(hub: Files) -> None:
    from nst.network import weights

    check_reachable(weights.OXFORD_URL)  # 404
    with pytest.raises(OSError, match="refused"):
        check_reachable("http://127.0.0.1:9/")
