"""A topic for mail, one for chat, and a queue for events that could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Aws, Duration, aws_chatbot, aws_cloudwatch_actions, aws_events, aws_iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_events_targets import SnsTopic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from constructs import Construct

if TYPE_CHECKING:
    from settings import Settings


class Notifications(Construct):
    """The topics, and the queue of the events that could not be delivered, whose alarm goes there.

    SNS encrypts every topic at rest; a key of our own would cost more than the rest of the stack.
    """

    def __init__(self, scope: Construct, settings: Settings) -> None:
        """An e-mail address is subscribed once its owner confirms."""
        super().__init__(scope, "notifications")
        self.topic = sns.Topic(self, "topic", enforce_ssl=True)
        if settings.notification_email:
            self.topic.add_subscription(EmailSubscription(settings.notification_email))
        self.chat: sns.Topic | None = None
        if settings.slack_channel:
            self.chat = sns.Topic(self, "chat", enforce_ssl=True)
            self._show_in_slack(self.chat, settings.name, *settings.slack_channel)
        self.topics = [topic for topic in (self.topic, self.chat) if topic]
        self.undelivered = sqs.Queue(
            self,
            "undelivered",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self._watch_the_queue()

    def _show_in_slack(self, topic: sns.Topic, name: str, workspace: str, channel: str) -> None:
        """Have Amazon Q Developer show the topic's messages; nobody can do anything from there."""
        nothing = aws_iam.ManagedPolicy.from_aws_managed_policy_name("AWSDenyAll")
        aws_chatbot.SlackChannelConfiguration(
            self,
            "slack",
            # Another workspace replaces it: the new one is made first, and needs a name of its own.
            slack_channel_configuration_name=f"{name}-{workspace}",
            slack_workspace_id=workspace,
            slack_channel_id=channel,
            notification_topics=[topic],
            guardrail_policies=[nothing],
        )

    def _watch_the_queue(self) -> None:
        metric = self.undelivered.metric_approximate_number_of_messages_visible(statistic="max")
        alarm = metric.create_alarm(self, "alarm", threshold=1, evaluation_periods=1)
        ours = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        alarms = aws_iam.ServicePrincipal("cloudwatch.amazonaws.com", conditions=ours)
        for topic in self.topics:
            alarm.add_alarm_action(aws_cloudwatch_actions.SnsAction(topic))
            # The policy that enforces TLS replaces SNS's default one, which lets alarms in.
            topic.grant_publish(alarms)

    def send(
        self, construct_id: str, pattern: aws_events.EventPattern, title: str, text: str
    ) -> None:
        """Send a message for each event of that pattern."""
        mail = aws_events.RuleTargetInput.from_text(f"{title}. {text}")
        targets = [SnsTopic(self.topic, message=mail, dead_letter_queue=self.undelivered)]
        if self.chat:
            # The form of custom notifications of Amazon Q Developer in chat applications.
            content = {"textType": "client-markdown", "title": title, "description": text}
            message = aws_events.RuleTargetInput.from_object(
                {"version": "1.0", "source": "custom", "content": content}
            )
            targets.append(SnsTopic(self.chat, message=message, dead_letter_queue=self.undelivered))
        aws_events.Rule(self, construct_id, event_pattern=pattern, targets=targets)
