import asyncio

from channels_rabbitmq.core import RabbitmqChannelLayer


class ShieldedRabbitmqChannelLayer(RabbitmqChannelLayer):
    @property
    def carehare_connection(self):
        """What all wait for until RabbitMQ is there; none of them can cancel it."""
        return asyncio.shield(super().carehare_connection)
