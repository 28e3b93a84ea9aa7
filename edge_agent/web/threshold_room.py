"""Moves the threshold of a channel: by whom, within which bounds; recorded, kept, then in force."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import InputError, LinesideError, StorageError
from edge_agent.contracts.wire.messages import wire_text
from edge_agent.decide.station_threshold import (
    StationThresholds,
    ThresholdSetting,
    bounds,
    is_looser,
)
from edge_agent.web.access import Caller, RefusedError
from edge_agent.web.changes import ChangeLog
from edge_agent.web.models import ModelView
from edge_agent.web.threshold_models import SetThreshold, ThresholdChannel, UndoThreshold
from edge_agent.web.users import Role

LOG = logging.getLogger("lineside.web")


class ThresholdRoom:
    """Raises RefusedError. models: the networks that are loaded, the ones that judge first.

    A setting that is stricter than the bundle's own needs the role quality; one by which parts pass
    that the workshop's proof says are bad needs the role engineer.
    """

    def __init__(
        self,
        thresholds: StationThresholds,
        log: ChangeLog,
        models: Callable[[], list[ModelView]],
        clock: Clock,
    ) -> None:
        self._thresholds = thresholds
        self._log = log
        self._models = models
        self._clock = clock

    def channels(self) -> list[ThresholdChannel]:
        """Every channel as it judges now."""
        return [self.view(model) for model in self.judging()]

    def judging(self) -> list[ModelView]:
        """The network of each channel that judges now."""
        first: dict[str, ModelView] = {}
        for model in self._models():
            first.setdefault(model.channel, model)
        return list(first.values())

    def model(self, channel: str, bundle: str = "") -> ModelView:
        """The network of a channel that judges now; it must be `bundle` where that is given."""
        model = next((one for one in self.judging() if one.channel == channel), None)
        if model is None:
            raise RefusedError(404, "no network judges this channel", cure="choose another one")
        if bundle not in ("", model.bundle):
            raise RefusedError(
                409, f"{model.bundle} judges this channel now", cure="load the page again"
            )
        return model

    def view(self, model: ModelView) -> ThresholdChannel:
        """A channel's threshold as the screen shows it."""
        settings = self._settings(model)
        last = settings[-1] if settings else None
        low, high = bounds(model.own)
        return ThresholdChannel(
            channel=model.channel,
            bundle=model.bundle,
            kind=model.own.kind,
            good=sorted({*model.good, "good", "normal"}),
            worse=model.own.worse,
            own=model.own.threshold,
            threshold=last.threshold if last else model.own.threshold,
            low=low,
            high=high,
            can_move=model.can_move,
            set_by=last.by if last else "",
            set_at_ns=last.at_ns if last else None,
            note=last.note if last else "",
            chosen_by=model.own.chosen_by,
        )

    def set(self, caller: Caller, asked: SetThreshold) -> ThresholdChannel:
        """Judge by another threshold from the next item on."""
        with self._log.lock:
            model = self.model(asked.channel, asked.bundle)
            self._refuse(caller, model, asked.threshold)
            setting = ThresholdSetting(
                channel=model.channel,
                bundle=model.bundle,
                own=model.own.threshold,
                threshold=asked.threshold,
                by=caller.name,
                at_ns=self._clock.utc_ns(),
                note=wire_text(asked.note),
            )
            before = self.view(model).threshold
            self._record(caller, "threshold", model, before, asked.threshold, setting.note)
            return self._put(model, lambda: self._thresholds.add(setting))

    def undo(self, caller: Caller, asked: UndoThreshold) -> ThresholdChannel:
        """Judge by the threshold before the last setting."""
        with self._log.lock:
            model = self.model(asked.channel, asked.bundle)
            settings = self._settings(model)
            if not settings:
                raise RefusedError(409, "the bundle's own threshold is in force")
            to = settings[-2].threshold if len(settings) > 1 else model.own.threshold
            self._refuse(caller, model, to)
            self._record(caller, "threshold undone", model, settings[-1].threshold, to, "")
            drop = self._thresholds.drop_last
            return self._put(model, lambda: drop(model.channel, model.bundle, model.own.threshold))

    def forget_others(self) -> None:
        """Forget settings of bundles that are not loaded any more; the station has armed."""
        loaded = {(model.channel, model.bundle) for model in self._models()}
        if not loaded:
            return
        try:
            for one in self._thresholds.keep_only(loaded):
                before: dict[str, object] = one.model_dump(mode="json")
                with self._log.lock:
                    self._log.write("the station", "threshold of another bundle", before, {})
        except LinesideError as error:
            LOG.error("thresholds of bundles before: %s", error)  # noqa: TRY400

    def _settings(self, model: ModelView) -> list[ThresholdSetting]:
        try:
            found = self._thresholds.settings(model.channel, model.bundle)
        except InputError as error:
            raise RefusedError(503, error.what, cure=error.cure) from error
        return [one for one in found if one.own == model.own.threshold]

    def _refuse(self, caller: Caller, model: ModelView, threshold: float) -> None:
        if not model.can_move:
            raise RefusedError(
                409, "only the threshold of pictures is moved here",
                cure="learn the machine's own normal with `lineside-agent baseline`",
            )  # fmt: skip
        low, high = bounds(model.own)
        if not low <= threshold <= high:
            raise RefusedError(
                422, f"the threshold must lie between {low:.4g} and {high:.4g}",
                cure="train again where that is not enough",
            )  # fmt: skip
        if is_looser(model.own, threshold) and not caller.role.includes(Role.ENGINEER):
            raise RefusedError(
                403, "parts would pass that the bundle, as it was proven, rejects",
                cure="ask a person with the role engineer",
            )  # fmt: skip

    def _record(
        self, caller: Caller, what: str, model: ModelView, old: float, new: float, note: str
    ) -> None:
        about: dict[str, object] = {"channel": model.channel, "bundle": model.bundle}
        after: dict[str, object] = about | {"threshold": new} | ({"note": note} if note else {})
        self._log.write(caller.name, what, about | {"threshold": old}, after)
        LOG.warning("%s of %s: %g -> %g by %s", what, model.channel, old, new, caller.name)

    def _put(self, model: ModelView, act: Callable[[], None]) -> ThresholdChannel:
        """On disk first: what is in force is what a restart would bring."""
        try:
            act()
            scoring = self._thresholds.scoring_for(model.channel, model.bundle, model.own)
        except (InputError, StorageError) as error:
            raise RefusedError(503, f"not kept: {error}", cure="free the disk") from error
        for one in self._models():
            if (one.channel, one.bundle) == (model.channel, model.bundle):
                one.set_scoring(scoring)
        return self.view(model)
