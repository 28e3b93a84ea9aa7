"""Libraries behind GObject introspection that are not there."""

from __future__ import annotations

import pytest

from edge_agent.capture.gobject import import_namespace
from edge_agent.contracts.core.errors import DeviceError


def test_a_library_that_is_not_there_is_named_with_its_package() -> None:
    with pytest.raises(DeviceError) as caught:
        import_namespace("NoSuchThing", "1.0", "gir1.2-nothing", "camera 0")
    assert "camera 0: NoSuchThing 1.0 is not there" in str(caught.value)
    assert "apt install python3-gi gir1.2-nothing" in str(caught.value)
