"""Whom it concerns when something went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Aws, Duration
from aws_cdk.aws_cloudwatch import ComparisonOperator, TreatMissingData
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_events import Rule, RuleTargetInput
from aws_cdk.aws_events_targets import SnsTopic
from aws_cdk.aws_iam import ServicePrincipal
from aws_cdk.aws_sns import Topic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from aws_cdk.aws_sqs import Queue, QueueEncryption
from constructs import Construct

from acknowledgements import acknowledge

if TYPE_CHECKING:
    from aws_cdk.aws_events import EventPattern


class Notifications(Construct):
    """A topic, and the queue of the events that could not be delivered, whose alarm goes there.

    SNS encrypts every topic at rest; a key of our own would cost more than the rest of the stack.
    """

    def __init__(self, scope: Construct, construct_id: str, *, email: str | None) -> None:
        """`email` subscribes once its owner confirms."""
        super().__init__(scope, construct_id)
        self.topic = Topic(self, "topic", enforce_ssl=True)
        if email:
            self.topic.add_subscription(EmailSubscription(email))
        self.dead_letters = Queue(
            self,
            "dead-letters",
            encryption=QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(self.dead_letters, "SQS3", "It is the dead-letter queue of the event rules.")
        self._watch_dead_letters()

    def _watch_dead_letters(self) -> None:
        alarm = self.dead_letters.metric_approximate_number_of_messages_visible(
            statistic="max"
        ).create_alarm(
            self,
            "undelivered",
            alarm_description="An event started no build, or its outcome was not reported.",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(SnsAction(self.topic))
        # The policy that enforces TLS replaces SNS's default one, which lets alarms in.
        self.topic.grant_publish(
            ServicePrincipal(
                "cloudwatch.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )

    def send(self, construct_id: str, pattern: EventPattern, text: str) -> None:
        """Send `text`, which may hold fields of the event, for each event of that pattern."""
        target = SnsTopic(
            self.topic,
            message=RuleTargetInput.from_text(text),
            dead_letter_queue=self.dead_letters,
        )
        Rule(self, construct_id, event_pattern=pattern, targets=[target])
