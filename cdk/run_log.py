"""Where a build or a state machine writes what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import LogGroup

if TYPE_CHECKING:
    from constructs import Construct

    from settings import Settings


class RunLog(LogGroup):
    """Kept for as long as the settings say, and no longer than the stack.

    A log group left behind would stop the next deployment, as its name would be taken.
    """

    def __init__(self, scope: Construct, construct_id: str, name: str, settings: Settings) -> None:
        """`name` is where AWS's own console looks for it."""
        super().__init__(
            scope,
            construct_id,
            log_group_name=name,
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
