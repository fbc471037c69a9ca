"""Who hears of it when something went wrong."""

from __future__ import annotations

from aws_cdk import Aws, Duration, aws_cloudwatch_actions, aws_events, aws_iam, aws_sns, aws_sqs
from aws_cdk.aws_events_targets import SnsTopic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from constructs import Construct


class Notifications(Construct):
    """A topic, and the queue of the events that could not be delivered, whose alarm goes there.

    SNS encrypts every topic at rest; a key of our own would cost more than the rest of the stack.
    """

    def __init__(self, scope: Construct, email: str | None) -> None:
        """`email` is subscribed once its owner confirms."""
        super().__init__(scope, "notifications")
        self.topic = aws_sns.Topic(self, "topic", enforce_ssl=True)
        if email:
            self.topic.add_subscription(EmailSubscription(email))
        self.undelivered = aws_sqs.Queue(
            self,
            "undelivered",
            encryption=aws_sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        metric = self.undelivered.metric_approximate_number_of_messages_visible(statistic="max")
        alarm = metric.create_alarm(self, "alarm", threshold=1, evaluation_periods=1)
        alarm.add_alarm_action(aws_cloudwatch_actions.SnsAction(self.topic))
        # The policy that enforces TLS replaces SNS's default one, which lets alarms in.
        ours = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        alarms = aws_iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=ours)
        self.topic.grant_publish(alarms)

    def send(self, construct_id: str, pattern: aws_events.EventPattern, text: str) -> None:
        """Send `text`, which may hold fields of the event, for each event of that pattern."""
        message = aws_events.RuleTargetInput.from_text(text)
        target = SnsTopic(self.topic, message=message, dead_letter_queue=self.undelivered)
        aws_events.Rule(self, construct_id, event_pattern=pattern, targets=[target])
