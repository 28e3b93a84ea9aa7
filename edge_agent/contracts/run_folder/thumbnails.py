"""thumbnails.json: small pictures of the samples that the report shows, by the sample's path."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Thumbnails(BaseModel):
    """jpegs: path of a sample -> its thumbnail, a JPEG file in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    jpegs: dict[str, str] = Field(default_factory=dict)
