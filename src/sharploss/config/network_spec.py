"""A network as params.yaml states it: the name of its class, and its parameters beside it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sharploss.config.limits import LETTERS


class NetworkSpec(BaseModel):
    """A network: `{network: edsr, blocks: 4}`. Which parameters there are, the network's class says.

    `model_dump(mode="json")` returns the plain mapping that files hold.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    network: str = Field(max_length=LETTERS, description="the network's class; the other keys are its parameters")

    @property
    def parameters(self) -> dict[str, Any]:
        """What is stated beside the name, by name."""
        return dict(self.model_extra or {})
