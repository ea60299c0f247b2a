"""All targets, the cheapest first."""

from tests.fuzz.targets.media import FILMED, HEARD, LEARNED, SEARCHED, SHOWN
from tests.fuzz.targets.messages import CALLS, CHANGED
from tests.fuzz.targets.networks import NETWORKS
from tests.fuzz.targets.offers import POSTED, SDPS, STREAMED
from tests.fuzz.targets.packets import DRIVE, LATENTS
from tests.fuzz.targets.packs import CARDS, WEIGHTS
from tests.fuzz.targets.requests import ASKED

TARGETS = (
    DRIVE, LATENTS, SDPS, CHANGED, CARDS, WEIGHTS, HEARD, SHOWN, FILMED, LEARNED, NETWORKS, ASKED,
    POSTED, CALLS, STREAMED, SEARCHED,
)  # fmt: skip
