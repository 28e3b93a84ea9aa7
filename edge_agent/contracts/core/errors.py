"""The one tree of errors.

    LinesideError              exit 1
    |-- ConfigError            exit 2   a file or command line that somebody must edit
    |-- DatasetError           exit 1   a data set that cannot be trained on as it lies
    |-- InputError             exit 1   one frame, recording or row that cannot be judged
    |-- RunError               exit 1   a run folder that is missing or damaged
    |-- BundleError            exit 1   a bundle that must not be loaded
    |   |-- SignatureError              unsigned, signed by a stranger, or altered after signing
    |   |-- RollbackError               older than what the station has already run
    |   `-- ParityError                 this machine computes something else than the workshop did
    |-- ConversionError        exit 1   a network that cannot become int8 TFLite
    |-- GateError              exit 1   a quantised network that lost more than was allowed
    |-- StorageError           exit 1   disk full, quota reached, a file that cannot be written
    |   `-- DatabaseAwayError  exit 4   the database of the history cannot be reached
    |-- BrokerError            exit 1   the MQTT broker refuses, or ends the connection
    |   `-- BrokerAwayError    exit 4   it cannot be reached
    |-- FaultError             exit 1   what nobody foresaw, in a driver, a library or our own code
    `-- DeviceError            exit 4   a camera, sensor, accelerator, station or server that is
                                        absent or wrong

Every error says what is wrong, where, and how to mend it.
"""

from __future__ import annotations


class LinesideError(Exception):
    """What went wrong (`what`), in which file, field or device (`where`), and the cure (`cure`)."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        self.what = what
        self.where = where
        self.cure = cure
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}: {self.cure}" if self.cure else head


class ConfigError(LinesideError):
    """A configuration file or a command line that somebody must edit."""

    exit_code = 2


class DatasetError(LinesideError):
    """A data set that cannot be trained on as it lies."""


class InputError(LinesideError):
    """One frame, recording or row that cannot be judged."""


class RunError(LinesideError):
    """A run folder that is missing or damaged."""


class BundleError(LinesideError):
    """A bundle that must not be loaded."""


class SignatureError(BundleError):
    """A bundle that is unsigned, signed by a stranger, or altered after signing."""


class RollbackError(BundleError):
    """A bundle older than the version floor of the station."""


class ParityError(BundleError):
    """This machine computes something else than the workshop did."""


class ConversionError(LinesideError):
    """A network that cannot become int8 TFLite."""


class GateError(LinesideError):
    """A quantised network that lost more than was allowed."""


class StorageError(LinesideError):
    """A full disk, a reached quota, or a file that cannot be written."""


class DatabaseAwayError(StorageError):
    """A database that cannot be reached."""

    exit_code = 4


class BrokerError(LinesideError):
    """An MQTT broker that refuses us, or ends the connection."""


class BrokerAwayError(BrokerError):
    """An MQTT broker that cannot be reached."""

    exit_code = 4


class FaultError(LinesideError):
    """What nobody foresaw, in a driver, a library or our own code; `error` is what was raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error) or type(error).__name__)


class DeviceError(LinesideError):
    """A camera, sensor, accelerator, station or server that is absent, or is not what was asked
    for."""

    exit_code = 4
