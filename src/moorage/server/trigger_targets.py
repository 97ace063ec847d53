"""What triggers name: topics of SNS and functions of Lambda, reached at the operator's endpoints alone."""

from __future__ import annotations

from dataclasses import dataclass

from moorage.repos.trigger_messages import SendError
from moorage.server.aws_endpoints import AwsEndpoint


@dataclass(frozen=True, slots=True)
class TriggerTargets:
    """Sends triggers' messages. None: the operator set no endpoint for that service."""

    sns: AwsEndpoint | None = None
    functions: AwsEndpoint | None = None

    def send(self, arn: str, region: str, body: str) -> None:
        """Send a message to a topic, or a function its event, without waiting for what it does.

        Raises:
            SendError: it did not arrive; the text says what to do.
        """
        if arn.split(":")[2:3] == ["sns"]:
            endpoint = _set(self.sns, "sns-endpoint")
            endpoint.call("sns", region, "publish", TopicArn=arn, Message=body)
        else:
            endpoint = _set(self.functions, "lambda-endpoint")
            endpoint.call("lambda", region, "invoke", FunctionName=arn, InvocationType="Event", Payload=body)


def _set(endpoint: AwsEndpoint | None, setting: str) -> AwsEndpoint:
    if endpoint is None:
        raise SendError(f"this server sends nothing there: its operator has not set --{setting}", final=True)
    return endpoint
